/* session_server_fuzz.c - a server's session, and an attacker between it and an honest
 * client. The promises are in session.h, the script's language in session_script.c.    */
#include "session.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  session_script(true, bytes, len);
  return 0;
}
