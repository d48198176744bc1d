/* session_client_fuzz.c - a client's session, and an attacker between it and an honest
 * server. The promises are in session.h, the script's language in session_script.c.    */
#include "session.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  session_script(false, bytes, len);
  return 0;
}
