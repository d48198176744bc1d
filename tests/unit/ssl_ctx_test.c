/* ssl_ctx_test.c - contexts: what they take, what they refuse and why, freezing,
 * sharing. */
#include "foal_test.h"
#include "ssl/impl/ctx.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_S = 24 * 60 * 60 };

static foal_ssl_ctx *ctx;
static test_cert *root, *leaf;

static void open_cast(void)
{
  root = cert_make(&(cert_spec){.name = "root", .authority = true});
  leaf = cert_make(&(cert_spec){.name = "leaf", .alt = "DNS:a.test", .issuer = root});
  ctx = foal_ssl_ctx_new();
  cr_assert_not_null(ctx);
}

static void close_cast(void)
{
  foal_ssl_ctx_drop(&ctx);
  cert_free(leaf);
  cert_free(root);
}

TestSuite(ssl_ctx, .init = open_cast, .fini = close_cast);

/* Removes the file and forgets its path. */
static void gone(char *path)
{
  (void)unlink(path);
  free(path);
}

/* A refusal leaves one line that names the file, and nothing on the error queue. */
static void expect_refusal(foal_err got, foal_err wanted, const char *word)
{
  cr_expect_eq(got, wanted, "%s instead of %s: %s", foal_err_name(got),
               foal_err_name(wanted), foal_ssl_ctx_detail(ctx));
  cr_expect_not_null(strstr(foal_ssl_ctx_detail(ctx), word), "\"%s\" is not in \"%s\"",
                     word, foal_ssl_ctx_detail(ctx));
  cr_expect_null(strchr(foal_ssl_ctx_detail(ctx), '\n'));
  cr_expect_eq(ERR_peek_error(), 0);
}

Test(ssl_ctx, takes_certificates_from_memory)
{
  cr_assert_not(foal_ssl_ctx_can_serve(ctx));
  cr_assert_eq(foal_ssl_ctx_expires_s(ctx), INT64_MAX);
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, leaf->key_pem), FOAL_OK);
  cr_assert(foal_ssl_ctx_can_serve(ctx));
  cr_assert_str_eq(foal_ssl_ctx_detail(ctx), "");
  cr_assert_gt(foal_ssl_ctx_expires_s(ctx), 28 * DAY_S);
  cr_assert_lt(foal_ssl_ctx_expires_s(ctx), 30 * DAY_S);
}

Test(ssl_ctx, takes_certificates_from_files)
{
  char *cert = cert_file(leaf->chain, 0644), *key = cert_file(leaf->key_pem, 0600);
  cr_assert_eq(foal_ssl_ctx_use_cert(ctx, cert, key), FOAL_OK, "%s",
               foal_ssl_ctx_detail(ctx));
  gone(cert);
  gone(key);
}

Test(ssl_ctx, takes_both_from_one_file)
{
  char both[8192];
  snprintf(both, sizeof both, "%s%s", leaf->chain, leaf->key_pem);
  char *path = cert_file(both, 0600);
  cr_assert_eq(foal_ssl_ctx_use_cert(ctx, path, path), FOAL_OK, "%s",
               foal_ssl_ctx_detail(ctx));
  snprintf(both, sizeof both, "%s%s", leaf->key_pem, leaf->chain);
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, both, both), FOAL_OK, "%s",
               foal_ssl_ctx_detail(ctx));
  gone(path);
}

/* openssl ecparam -genkey writes the parameters in front of the key. */
Test(ssl_ctx, skips_parameters_before_a_key)
{
  char text[4096];
  snprintf(text, sizeof text,
           "-----%s EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC "
           "PARAMETERS-----\n%s",
           "BEGIN", leaf->key_pem);
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, text), FOAL_OK, "%s",
               foal_ssl_ctx_detail(ctx));
}

Test(ssl_ctx, says_which_file_is_missing)
{
  char *cert = cert_file(leaf->chain, 0644);
  expect_refusal(foal_ssl_ctx_use_cert(ctx, "/nowhere/chain.pem", cert),
                 FOAL_FILE_UNREADABLE, "/nowhere/chain.pem");
  expect_refusal(foal_ssl_ctx_use_cert(ctx, cert, "/nowhere/key.pem"),
                 FOAL_FILE_UNREADABLE, "/nowhere/key.pem");
  expect_refusal(foal_ssl_ctx_use_cert(ctx, "", cert), FOAL_FILE_UNREADABLE, "no path");
  expect_refusal(foal_ssl_ctx_use_cert(ctx, NULL, cert), FOAL_FILE_UNREADABLE, "no path");
  expect_refusal(foal_ssl_ctx_use_cert(ctx, "/", cert), FOAL_FILE_UNREADABLE,
                 "regular file");
  expect_refusal(foal_ssl_ctx_use_cert(ctx, "/dev/zero", cert), FOAL_FILE_UNREADABLE,
                 "regular");
  cr_assert_not(foal_ssl_ctx_can_serve(ctx));
  gone(cert);
}

Test(ssl_ctx, says_what_is_wrong_with_the_pem)
{
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, "rubbish", leaf->key_pem), FOAL_BAD_PEM,
                 "the certificate text");
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, "rubbish"), FOAL_BAD_PEM,
                 "the key text");
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, "", ""), FOAL_BAD_PEM, "missing");
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, NULL, NULL), FOAL_BAD_PEM, "missing");
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, leaf->key_pem, leaf->key_pem),
                 FOAL_BAD_PEM, "certificate 1");
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, leaf->chain), FOAL_BAD_PEM,
                 "key");
  char damaged[8192];
  snprintf(damaged, sizeof damaged, "%s%s", leaf->pem, root->pem);
  damaged[strlen(leaf->pem) + 200] ^= 1;
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, damaged, leaf->key_pem), FOAL_BAD_PEM,
                 "certificate 2");
  cr_assert_not(foal_ssl_ctx_can_serve(ctx));
}

Test(ssl_ctx, an_encrypted_key_is_not_asked_for_at_the_terminal)
{
  BIO *bio = BIO_new(BIO_s_mem());
  char *pem, text[4096];
  unsigned char secret[] = "secret";
  cr_assert_eq(
      PEM_write_bio_PrivateKey(bio, leaf->key, EVP_aes_128_cbc(), secret, 6, NULL, NULL),
      1);
  long len = BIO_get_mem_data(bio, &pem);
  snprintf(text, sizeof text, "%.*s", (int)len, pem);
  BIO_free(bio);
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, text), FOAL_BAD_PEM,
                 "encrypted");
}

Test(ssl_ctx, the_key_must_belong_to_the_certificate)
{
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, root->key_pem),
                 FOAL_KEY_MISMATCH, "comes first");
  char *cert = cert_file(leaf->chain, 0644), *key = cert_file(root->key_pem, 0600);
  expect_refusal(foal_ssl_ctx_use_cert(ctx, cert, key), FOAL_KEY_MISMATCH, key);
  cr_assert_not(foal_ssl_ctx_can_serve(ctx));
  gone(cert);
  gone(key);
}

Test(ssl_ctx, a_refused_certificate_leaves_the_old_one)
{
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, leaf->key_pem), FOAL_OK);
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, root->chain, leaf->key_pem),
                 FOAL_KEY_MISMATCH, "");
  X509 *now = SSL_CTX_get0_certificate(ctx->tls);
  cr_assert_eq(X509_cmp(now, leaf->cert), 0);
}

Test(ssl_ctx, expired_certificates_are_refused_unless_told)
{
  test_cert *old =
      cert_make(&(cert_spec){.name = "old", .from_days = -20, .for_days = 10});
  test_cert *early =
      cert_make(&(cert_spec){.name = "early", .from_days = 2, .for_days = 10});
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, old->pem, old->key_pem),
                 FOAL_CERT_EXPIRED, "until");
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, early->pem, early->key_pem),
                 FOAL_CERT_EXPIRED, "from");
  cr_assert_eq(foal_ssl_ctx_relax(ctx, FOAL_RELAX_CERT_EXPIRED), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, old->pem, old->key_pem), FOAL_OK);
  cr_assert_lt(foal_ssl_ctx_expires_s(ctx), -9 * DAY_S);
  expect_refusal(foal_ssl_ctx_relax(ctx, 4), FOAL_BAD_ARGUMENT, "0x4");
  cert_free(old);
  cert_free(early);
}

Test(ssl_ctx, weak_keys_are_refused)
{
  test_cert *weak =
      cert_make(&(cert_spec){.name = "weak", .rsa = true, .rsa_bits = 1024});
  expect_refusal(foal_ssl_ctx_use_cert_pem(ctx, weak->pem, weak->key_pem), FOAL_CRYPTO,
                 "small");
  cert_free(weak);
}

Test(ssl_ctx, key_files_must_be_private)
{
  char *cert = cert_file(leaf->chain, 0644), *key = cert_file(leaf->key_pem, 0644);
  expect_refusal(foal_ssl_ctx_use_cert(ctx, cert, key), FOAL_KEY_EXPOSED, "chmod 600");
  cr_assert_eq(foal_ssl_ctx_relax(ctx, FOAL_RELAX_KEY_MODE), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_use_cert(ctx, cert, key), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_relax(ctx, 0), FOAL_OK);
  (void)chmod(key, 0640);
  foal_err group = foal_ssl_ctx_use_cert(ctx, cert, key);
  cr_assert_eq(group, geteuid() == 0 ? FOAL_OK : FOAL_KEY_EXPOSED,
               "0640 is for root's files");
  (void)chmod(key, 0660);
  expect_refusal(foal_ssl_ctx_use_cert(ctx, cert, key), FOAL_KEY_EXPOSED, "0660");
  gone(cert);
  gone(key);
}

Test(ssl_ctx, links_to_key_files_are_followed)
{
  char *cert = cert_file(leaf->chain, 0644), *key = cert_file(leaf->key_pem, 0600);
  char link[300];
  snprintf(link, sizeof link, "%s-link", key);
  cr_assert_eq(symlink(key, link), 0);
  cr_assert_eq(foal_ssl_ctx_use_cert(ctx, cert, link), FOAL_OK, "%s",
               foal_ssl_ctx_detail(ctx));
  (void)chmod(key, 0604);
  expect_refusal(foal_ssl_ctx_use_cert(ctx, cert, link), FOAL_KEY_EXPOSED, link);
  (void)unlink(link);
  gone(cert);
  gone(key);
}

Test(ssl_ctx, trust_has_the_same_errors)
{
  expect_refusal(foal_ssl_ctx_trust_file(ctx, "/nowhere/ca.pem"), FOAL_FILE_UNREADABLE,
                 "/nowhere/ca.pem");
  expect_refusal(foal_ssl_ctx_trust_pem(ctx, "rubbish"), FOAL_BAD_PEM, "authority");
  expect_refusal(foal_ssl_ctx_trust_pem(ctx, NULL), FOAL_BAD_PEM, "authority");
  expect_refusal(foal_ssl_ctx_trust_dir(ctx, "/nowhere"), FOAL_FILE_UNREADABLE,
                 "/nowhere");
  expect_refusal(foal_ssl_ctx_trust_dir(ctx, NULL), FOAL_FILE_UNREADABLE, "no path");
  expect_refusal(foal_ssl_ctx_crl_pem(ctx, root->pem), FOAL_BAD_PEM, "revocation");
  expect_refusal(foal_ssl_ctx_crl_file(ctx, "/nowhere/crl.pem"), FOAL_FILE_UNREADABLE,
                 "crl.pem");
  char *path = cert_file(root->pem, 0644);
  cr_assert_eq(foal_ssl_ctx_trust_file(ctx, path), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_trust_file(ctx, path), FOAL_OK, "twice is fine");
  cr_assert_eq(foal_ssl_ctx_trust_dir(ctx, "/"), FOAL_OK);
  gone(path);
}

/* Fuzzing found the first of two lists left behind when the second was damaged. */
Test(ssl_ctx, a_damaged_second_list_adds_nothing)
{
  char both[4096], *crl = cert_crl(root, NULL);
  X509_STORE *store = SSL_CTX_get_cert_store(ctx->tls);
  snprintf(both, sizeof both, "%s%s", crl, crl);
  both[2 * strlen(crl) - strlen(crl) / 2] = '!';
  expect_refusal(foal_ssl_ctx_crl_pem(ctx, both), FOAL_BAD_PEM, "list 2");
  cr_assert_eq(sk_X509_OBJECT_num(X509_STORE_get0_objects(store)), 0);
  free(crl);
}

/* Fuzzing found the refused list in the place of the old one, and its security level. */
Test(ssl_ctx, refused_ciphers_leave_the_old_ones)
{
  int count = sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(ctx->tls));
  int level = SSL_CTX_get_security_level(ctx->tls);
  expect_refusal(foal_ssl_ctx_ciphers(ctx, ""), FOAL_BAD_CIPHERS, "no TLS 1.2");
  expect_refusal(foal_ssl_ctx_ciphers(ctx, "@SECLEVEL=0:none"), FOAL_BAD_CIPHERS, "none");
  cr_assert_eq(sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(ctx->tls)), count);
  cr_assert_eq(SSL_CTX_get_security_level(ctx->tls), level);
}

Test(ssl_ctx, the_system_store_is_used_when_it_is_there)
{
  cr_assert_eq(setenv("SSL_CERT_FILE", "/nowhere/a", 1), 0);
  cr_assert_eq(setenv("SSL_CERT_DIR", "/nowhere/b", 1), 0);
  expect_refusal(foal_ssl_ctx_trust_system(ctx), FOAL_FILE_UNREADABLE, "/nowhere/a");
  char *path = cert_file(root->pem, 0644);
  cr_assert_eq(setenv("SSL_CERT_FILE", path, 1), 0);
  cr_assert_eq(foal_ssl_ctx_trust_system(ctx), FOAL_OK, "%s", foal_ssl_ctx_detail(ctx));
  gone(path);
}

/* SSLContext.set_min|max_proto_version/inverted_range */
Test(ssl_ctx, an_inverted_range_of_versions_changes_nothing)
{
  expect_refusal(foal_ssl_ctx_versions(ctx, FOAL_TLS_1_3, FOAL_TLS_1_2), FOAL_BAD_VERSION,
                 "0x0304");
  cr_assert_eq(SSL_CTX_get_min_proto_version(ctx->tls), TLS1_2_VERSION);
  cr_assert_eq(SSL_CTX_get_max_proto_version(ctx->tls), TLS1_3_VERSION);
  expect_refusal(foal_ssl_ctx_versions(ctx, (foal_tls)0x0301, FOAL_TLS_1_3),
                 FOAL_BAD_VERSION, "");
  cr_assert_eq(foal_ssl_ctx_versions(ctx, FOAL_TLS_1_2, FOAL_TLS_1_2), FOAL_OK,
               "equal is fine");
  cr_assert_eq(foal_ssl_ctx_versions(ctx, FOAL_TLS_1_3, FOAL_TLS_1_3), FOAL_OK);
  cr_assert_eq(SSL_CTX_get_min_proto_version(ctx->tls), TLS1_3_VERSION);
  cr_assert_eq(foal_ssl_ctx_versions(ctx, FOAL_TLS_1_2, FOAL_TLS_1_3), FOAL_OK);
}

Test(ssl_ctx, lists_that_select_nothing_are_refused)
{
  expect_refusal(foal_ssl_ctx_ciphers(ctx, "NONSENSE"), FOAL_BAD_CIPHERS, "NONSENSE");
  expect_refusal(foal_ssl_ctx_ciphers(ctx, NULL), FOAL_BAD_CIPHERS, "cipher");
  expect_refusal(foal_ssl_ctx_suites(ctx, "NONSENSE"), FOAL_BAD_CIPHERS, "NONSENSE");
  expect_refusal(foal_ssl_ctx_suites(ctx, ""), FOAL_BAD_CIPHERS, "suites");
  expect_refusal(foal_ssl_ctx_groups(ctx, "P-1"), FOAL_BAD_CIPHERS, "P-1");
  cr_assert_eq(foal_ssl_ctx_ciphers(ctx, "ECDHE-RSA-AES128-GCM-SHA256"), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_suites(ctx, "TLS_CHACHA20_POLY1305_SHA256"), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_groups(ctx, "P-256:X25519"), FOAL_OK);
}

Test(ssl_ctx, arguments_have_ranges)
{
  const char *const empty[] = {""}, *const good[] = {"h2"};
  expect_refusal(foal_ssl_ctx_verify_depth(ctx, 101), FOAL_BAD_ARGUMENT, "101");
  expect_refusal(foal_ssl_ctx_tickets(ctx, 9), FOAL_BAD_ARGUMENT, "9");
  expect_refusal(foal_ssl_ctx_handshake_bytes(ctx, 10), FOAL_BAD_ARGUMENT, "10");
  expect_refusal(foal_ssl_ctx_cert_bytes(ctx, 2 << 20), FOAL_BAD_ARGUMENT, "bytes");
  expect_refusal(foal_ssl_ctx_write_bytes(ctx, 0), FOAL_BAD_ARGUMENT, "bytes");
  expect_refusal(foal_ssl_ctx_alpn_server(ctx, empty, 1), FOAL_BAD_ALPN, "ALPN");
  expect_refusal(foal_ssl_ctx_alpn_client(ctx, empty, 1), FOAL_BAD_ALPN, "ALPN");
  expect_refusal(foal_ssl_ctx_client_cert(ctx, (foal_client_cert)9), FOAL_BAD_ARGUMENT,
                 "rule");
  expect_refusal(foal_ssl_ctx_sni_unknown(ctx, (foal_sni_unknown)9), FOAL_BAD_ARGUMENT,
                 "policy");
  expect_refusal(foal_ssl_ctx_ticket_keys(ctx, NULL, 1), FOAL_BAD_ARGUMENT, "1 to 8");
  expect_refusal(foal_ssl_ctx_keylog(ctx, "/nowhere/keys"), FOAL_FILE_UNREADABLE,
                 "/nowhere/keys");
  cr_assert_eq(foal_ssl_ctx_alpn_client(ctx, good, 1), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_verify_depth(ctx, 0), FOAL_OK);
}

Test(ssl_ctx, the_map_of_names_is_checked)
{
  foal_ssl_ctx *other = ctx_with(leaf, NULL), *bare = foal_ssl_ctx_new();
  expect_refusal(foal_ssl_ctx_sni(ctx, "*.com", other), FOAL_BAD_NAME, "*.com");
  expect_refusal(foal_ssl_ctx_sni(ctx, NULL, other), FOAL_BAD_NAME, "SNI");
  expect_refusal(foal_ssl_ctx_sni(ctx, "a.test", ctx), FOAL_BAD_ARGUMENT, "another");
  expect_refusal(foal_ssl_ctx_sni(ctx, "a.test", bare), FOAL_BAD_ARGUMENT, "certificate");
  expect_refusal(foal_ssl_ctx_sni(ctx, "a.test", NULL), FOAL_BAD_ARGUMENT, "a.test");
  cr_assert_eq(foal_ssl_ctx_sni(ctx, "B.test", other), FOAL_OK);
  cr_assert(foal_ssl_ctx_frozen(other));
  for (int i = 0; i < 100; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%d.test", (i * 37) % 100);
    cr_assert_eq(foal_ssl_ctx_sni(ctx, name, other), FOAL_OK);
  }
  cr_assert_eq(foal_ssl_ctx_sni(ctx, "*.wild.test", other), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_sni(ctx, "b.test", other), FOAL_OK, "replaces");
  cr_assert_eq(ctx->sni_count, 102);
  cr_assert_eq(foal__sni_find(ctx, "b.TEST"), other);
  cr_assert_eq(foal__sni_find(ctx, "n99.test"), other);
  cr_assert_eq(foal__sni_find(ctx, "x.wild.test"), other);
  cr_assert_null(foal__sni_find(ctx, "x.y.wild.test"));
  cr_assert_null(foal__sni_find(ctx, "wild.test"));
  cr_assert_null(foal__sni_find(ctx, "n100.test"));
  cr_assert_null(foal__sni_find(ctx, "192.0.2.1"));
  foal_ssl_ctx_drop(&other);
  foal_ssl_ctx_drop(&bare);
}

/* the getters' on_val_receiver, and what Pony refuses after dispose: here after
 * freezing */
Test(ssl_ctx, nothing_changes_after_freezing)
{
  const char *const names[] = {"h2"};
  foal_ticket_key key = {{1}, {2}, {3}};
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, leaf->key_pem), FOAL_OK);
  cr_assert_not(foal_ssl_ctx_frozen(ctx));
  cr_assert_eq(foal_ssl_ctx_freeze(ctx), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_freeze(ctx), FOAL_OK, "twice is once");
  cr_assert(foal_ssl_ctx_frozen(ctx));
  cr_expect_eq(foal_ssl_ctx_use_cert(ctx, "a", "b"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, leaf->key_pem), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_self_signed(ctx, "a.test"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_relax(ctx, 0), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_trust_file(ctx, "a"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_trust_pem(ctx, root->pem), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_trust_dir(ctx, "/"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_trust_system(ctx), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_crl_pem(ctx, "a"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_crl_file(ctx, "a"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_verify_peer(ctx, false), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_client_cert(ctx, FOAL_CLIENT_CERT_OFF), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_verify_depth(ctx, 1), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_versions(ctx, FOAL_TLS_1_2, FOAL_TLS_1_2), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_ciphers(ctx, "ALL"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_suites(ctx, "TLS_AES_128_GCM_SHA256"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_groups(ctx, "P-256"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_alpn_server(ctx, names, 1), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_alpn_client(ctx, names, 1), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_alpn_required(ctx, true), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_sni(ctx, "a.test", ctx), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_sni_unknown(ctx, FOAL_SNI_UNKNOWN_REJECT), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_tickets(ctx, 0), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_ticket_keys(ctx, &key, 1), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_ticket_key_file(ctx, "a"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_keylog(ctx, "/dev/null"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_handshake_bytes(ctx, 4096), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_cert_bytes(ctx, 4096), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_write_bytes(ctx, 4096), FOAL_FROZEN);
  cr_expect(foal_ssl_ctx_can_serve(ctx), "looking is still allowed");
}

/* SSLContext.dispose/twice; alpn_set_resolver/resolver_rooted_by_context|session */
Test(ssl_ctx, handles_and_sessions_keep_it_alive)
{
  turn_of_test();
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, leaf->chain, leaf->key_pem), FOAL_OK);
  foal_ssl_ctx *other = foal_ssl_ctx_share(ctx);
  cr_assert_eq(other, ctx);
  cr_assert(foal_ssl_ctx_frozen(ctx));
  foal_ssl_ctx_drop(&ctx);
  cr_assert_null(ctx);
  foal_ssl_ctx_drop(&ctx);
  foal_ssl *s = foal_ssl_server(other);
  foal_ssl_ctx_drop(&other);
  cr_assert_eq(foal_ssl_state(s), FOAL_SSL_HANDSHAKE);
  foal_ssl_free(&s);
  cr_assert_null(s);
  foal_ssl_free(&s);
}

Test(ssl_ctx, the_defaults_are_the_strict_ones)
{
  uint64_t on = SSL_CTX_get_options(ctx->tls);
  cr_expect((on & SSL_OP_NO_RENEGOTIATION) != 0);
  cr_expect((on & SSL_OP_NO_COMPRESSION) != 0);
  cr_expect((on & SSL_OP_CIPHER_SERVER_PREFERENCE) != 0);
  cr_expect((on & SSL_OP_IGNORE_UNEXPECTED_EOF) == 0);
  cr_expect((on & SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION) == 0);
  cr_expect_eq(SSL_CTX_get_session_cache_mode(ctx->tls), SSL_SESS_CACHE_OFF);
  cr_expect_eq(SSL_CTX_get_security_level(ctx->tls), 2);
  cr_expect_eq(SSL_CTX_get_verify_depth(ctx->tls), 4);
  cr_expect_eq(SSL_CTX_get_max_cert_list(ctx->tls), 32 << 10);
  cr_expect_eq(SSL_CTX_get_max_early_data(ctx->tls), 0);
  cr_expect((SSL_CTX_get_mode(ctx->tls) & SSL_MODE_RELEASE_BUFFERS) != 0);
  STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx->tls);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
    const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
    int exchange = SSL_CIPHER_get_kx_nid(cipher);
    cr_expect(SSL_CIPHER_is_aead(cipher), "%s", SSL_CIPHER_get_name(cipher));
    cr_expect(exchange == NID_kx_ecdhe || exchange == NID_kx_any, "%s",
              SSL_CIPHER_get_name(cipher));
  }
}

Test(ssl_ctx, self_signed_certificates_have_the_names)
{
  X509 *cert;
  cr_assert_null(foal_ssl_ctx_self_signed_pem(ctx));
  cr_assert_eq(foal_ssl_ctx_self_signed(ctx, "localhost"), FOAL_OK, "%s",
               foal_ssl_ctx_detail(ctx));
  cert = SSL_CTX_get0_certificate(ctx->tls);
  cr_expect_eq(
      X509_check_host(cert, "localhost", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL),
      1);
  cr_expect_eq(X509_check_ip_asc(cert, "127.0.0.1", 0), 1);
  cr_expect_eq(X509_check_ip_asc(cert, "::1", 0), 1);
  cr_assert_eq(foal_ssl_ctx_self_signed(ctx, "192.0.2.1"), FOAL_OK);
  cert = SSL_CTX_get0_certificate(ctx->tls);
  cr_expect_eq(X509_check_ip_asc(cert, "192.0.2.1", 0), 1);
  cr_expect_not(
      X509_check_host(cert, "192.0.2.1", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL));
  cr_assert_eq(foal_ssl_ctx_self_signed(ctx, "2001:db8::1"), FOAL_OK);
  cr_expect_eq(X509_check_ip_asc(SSL_CTX_get0_certificate(ctx->tls), "2001:db8::1", 0),
               1);
  cr_expect_gt(foal_ssl_ctx_expires_s(ctx), 29 * DAY_S);
  char long_name[252];
  memset(long_name, 'a', sizeof long_name);
  for (size_t i = 50; i < sizeof long_name - 3; i += 50) long_name[i] = '.';
  long_name[251] = '\0';
  cr_expect_eq(foal_ssl_ctx_self_signed(ctx, long_name), FOAL_OK, "%s",
               foal_ssl_ctx_detail(ctx));
  expect_refusal(foal_ssl_ctx_self_signed(ctx, "a b"), FOAL_BAD_NAME, "a b");
  expect_refusal(foal_ssl_ctx_self_signed(ctx, ""), FOAL_BAD_NAME, "name");
}
