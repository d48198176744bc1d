/* ssl_refusals.h - the calls of OpenSSL, of the C library and of the pool of buffers that
 * ssl/ makes and that ssl_refuse_test.c refuses; see refuse.h. One function a line, its
 * name first: tests/CMakeLists.txt reads it there. Included by that test only. */
#ifndef FOAL_TESTS_UNIT_SSL_REFUSALS_H
#define FOAL_TESTS_UNIT_SSL_REFUSALS_H

#include "refuse.h"
#include "runtime/buf.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int ticket_key_fn(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *,
                          EVP_MAC_CTX *, int);

REFUSE(CRYPTO_malloc, void *, (size_t n, const char *f, int l), (n, f, l), NULL)
REFUSE(CRYPTO_zalloc, void *, (size_t n, const char *f, int l), (n, f, l), NULL)
REFUSE(CRYPTO_realloc, void *, (void *p, size_t n, const char *f, int l), (p, n, f, l),
       NULL)
REFUSE(CRYPTO_memdup, void *, (const void *p, size_t n, const char *f, int l),
       (p, n, f, l), NULL)
REFUSE(CRYPTO_strdup, char *, (const char *s, const char *f, int l), (s, f, l), NULL)
REFUSE(CRYPTO_strndup, char *, (const char *s, size_t n, const char *f, int l),
       (s, n, f, l), NULL)
REFUSE(CRYPTO_THREAD_lock_new, CRYPTO_RWLOCK *, (void), (), NULL)
REFUSE(OPENSSL_sk_new_null, OPENSSL_STACK *, (void), (), NULL)
REFUSE(OPENSSL_sk_push, int, (OPENSSL_STACK * s, const void *p), (s, p), 0)
REFUSE(BIO_new, BIO *, (const BIO_METHOD *m), (m), NULL)
REFUSE(BIO_new_mem_buf, BIO *, (const void *p, int n), (p, n), NULL)
REFUSE(RAND_bytes, int, (unsigned char *p, int n), (p, n), 0)
REFUSE(EVP_Digest, int,
       (const void *d, size_t n, unsigned char *o, unsigned *l, const EVP_MD *m,
        ENGINE *e),
       (d, n, o, l, m, e), 0)
REFUSE(EVP_MD_CTX_new, EVP_MD_CTX *, (void), (), NULL)
REFUSE(EVP_DigestInit_ex, int, (EVP_MD_CTX * c, const EVP_MD *m, ENGINE *e), (c, m, e), 0)
REFUSE(EVP_DigestUpdate, int, (EVP_MD_CTX * c, const void *d, size_t n), (c, d, n), 0)
REFUSE(EVP_DigestFinal_ex, int, (EVP_MD_CTX * c, unsigned char *o, unsigned *l),
       (c, o, l), 0)
REFUSE(EVP_EncryptInit_ex, int,
       (EVP_CIPHER_CTX * c, const EVP_CIPHER *t, ENGINE *e, const unsigned char *k,
        const unsigned char *i),
       (c, t, e, k, i), 0)
REFUSE(EVP_DecryptInit_ex, int,
       (EVP_CIPHER_CTX * c, const EVP_CIPHER *t, ENGINE *e, const unsigned char *k,
        const unsigned char *i),
       (c, t, e, k, i), 0)
REFUSE(EVP_MAC_CTX_set_params, int, (EVP_MAC_CTX * c, const OSSL_PARAM p[]), (c, p), 0)
REFUSE(EVP_PKEY_Q_keygen, EVP_PKEY *,
       (OSSL_LIB_CTX * c, const char *q, const char *t, const char *g), (c, q, t, g),
       NULL)
REFUSE(BN_new, BIGNUM *, (void), (), NULL)
REFUSE(BN_rand, int, (BIGNUM * n, int b, int t, int o), (n, b, t, o), 0)
REFUSE(BN_to_ASN1_INTEGER, ASN1_INTEGER *, (const BIGNUM *n, ASN1_INTEGER *i), (n, i),
       NULL)
REFUSE(ASN1_TIME_to_tm, int, (const ASN1_TIME *t, struct tm *p), (t, p), 0)
REFUSE(X509_new, X509 *, (void), (), NULL)
REFUSE(X509_set_version, int, (X509 * c, long v), (c, v), 0)
REFUSE(X509_time_adj_ex, ASN1_TIME *, (ASN1_TIME * t, int d, long s, time_t *n),
       (t, d, s, n), NULL)
REFUSE(X509_set_pubkey, int, (X509 * c, EVP_PKEY *k), (c, k), 0)
REFUSE(X509_set_issuer_name, int, (X509 * c, const X509_NAME *n), (c, n), 0)
REFUSE(X509_NAME_add_entry_by_txt, int,
       (X509_NAME * n, const char *f, int t, const unsigned char *b, int l, int p, int s),
       (n, f, t, b, l, p, s), 0)
REFUSE(X509_NAME_dup, X509_NAME *, (const X509_NAME *n), (n), NULL)
REFUSE(X509_NAME_print_ex, int, (BIO * b, const X509_NAME *n, int i, unsigned long f),
       (b, n, i, f), -1)
REFUSE(X509V3_EXT_conf_nid, X509_EXTENSION *,
       (LHASH_OF(CONF_VALUE) * h, X509V3_CTX *c, int n, const char *v), (h, c, n, v),
       NULL)
REFUSE(X509_add_ext, int, (X509 * c, X509_EXTENSION *e, int p), (c, e, p), 0)
REFUSE(X509_sign, int, (X509 * c, EVP_PKEY *k, const EVP_MD *m), (c, k, m), 0)
REFUSE(X509_digest, int, (const X509 *c, const EVP_MD *m, unsigned char *o, unsigned *l),
       (c, m, o, l), 0)
REFUSE(PEM_write_bio_X509, int, (BIO * b, const X509 *c), (b, c), 0)
REFUSE(X509_STORE_add_cert, int, (X509_STORE * s, X509 *c), (s, c), 0)
REFUSE(X509_STORE_add_crl, int, (X509_STORE * s, X509_CRL *c), (s, c), 0)
REFUSE(X509_VERIFY_PARAM_set1_host, int, (X509_VERIFY_PARAM * p, const char *h, size_t n),
       (p, h, n), 0)
REFUSE(SSL_dup_CA_list, STACK_OF(X509_NAME) *, (const STACK_OF(X509_NAME) * s), (s), NULL)
REFUSE(SSL_CTX_new, SSL_CTX *, (const SSL_METHOD *m), (m), NULL)
REFUSE_IF(SSL_CTX_ctrl, long, (SSL_CTX * c, int o, long n, void *p), (c, o, n, p), 0,
          o == SSL_CTRL_SET_MIN_PROTO_VERSION || o == SSL_CTRL_SET_MAX_PROTO_VERSION ||
              o == SSL_CTRL_SET_GROUPS_LIST)
REFUSE(SSL_CTX_set_cipher_list, int, (SSL_CTX * c, const char *t), (c, t), 0)
REFUSE(SSL_CTX_set_ciphersuites, int, (SSL_CTX * c, const char *t), (c, t), 0)
REFUSE(SSL_CTX_set_max_early_data, int, (SSL_CTX * c, uint32_t n), (c, n), 0)
REFUSE(SSL_CTX_set_session_id_context, int,
       (SSL_CTX * c, const unsigned char *i, unsigned n), (c, i, n), 0)
REFUSE(SSL_CTX_set_alpn_protos, int, (SSL_CTX * c, const unsigned char *p, unsigned n),
       (c, p, n), 1)
REFUSE(SSL_CTX_set_num_tickets, int, (SSL_CTX * c, size_t n), (c, n), 0)
REFUSE(SSL_CTX_set_tlsext_ticket_key_evp_cb, int, (SSL_CTX * c, ticket_key_fn *f), (c, f),
       0)
REFUSE(SSL_CTX_use_cert_and_key, int,
       (SSL_CTX * c, X509 *x, EVP_PKEY *k, STACK_OF(X509) * s, int o), (c, x, k, s, o), 0)
REFUSE(SSL_CTX_load_verify_dir, int, (SSL_CTX * c, const char *p), (c, p), 0)
REFUSE(SSL_CTX_set_default_verify_paths, int, (SSL_CTX * c), (c), 0)
REFUSE(SSL_new, SSL *, (SSL_CTX * c), (c), NULL)
REFUSE(SSL_set_SSL_CTX, SSL_CTX *, (SSL * s, SSL_CTX *c), (s, c), NULL)
REFUSE(SSL_set_session, int, (SSL * s, SSL_SESSION *e), (s, e), 0)
REFUSE_IF(SSL_ctrl, long, (SSL * s, int o, long n, void *p), (s, o, n, p), 0,
          o == SSL_CTRL_SET_TLSEXT_HOSTNAME || o == SSL_CTRL_SET_GROUPS_LIST)
REFUSE(SSL_set_session_id_context, int, (SSL * s, const unsigned char *i, unsigned n),
       (s, i, n), 0)
REFUSE(SSL_key_update, int, (SSL * s, int k), (s, k), 0)
REFUSE(SSL_write_ex, int, (SSL * s, const void *p, size_t n, size_t *o), (s, p, n, o), 0)
REFUSE(SSL_export_keying_material, int,
       (SSL * s, unsigned char *o, size_t n, const char *l, size_t m,
        const unsigned char *c, size_t k, int u),
       (s, o, n, l, m, c, k, u), 0)
REFUSE(foal_buf_new, bool, (foal_buf * *b, size_t n), (b, n), false)
REFUSE(foal_buf_split, bool, (foal_buf * b, size_t n, foal_buf **h), (b, n, h), false)
REFUSE(fstat, int, (int d, struct stat *s), (d, s), -1)
REFUSE(read, ssize_t, (int d, void *p, size_t n), (d, p, n), -1)
/* These come once in a process, or where a refusal by itself would break the scenario. */
REFUSE(CRYPTO_THREAD_write_lock, int, (CRYPTO_RWLOCK * l), (l), 0)
REFUSE(BIO_meth_new, BIO_METHOD *, (int t, const char *n), (t, n), NULL)
REFUSE(BIO_meth_set_read_ex, int,
       (BIO_METHOD * m, int (*f)(BIO *, char *, size_t, size_t *)), (m, f), 0)
REFUSE(BIO_meth_set_write_ex, int,
       (BIO_METHOD * m, int (*f)(BIO *, const char *, size_t, size_t *)), (m, f), 0)
REFUSE(BIO_meth_set_ctrl, int, (BIO_METHOD * m, long (*f)(BIO *, int, long, void *)),
       (m, f), 0)
REFUSE(CRYPTO_THREAD_run_once, int, (CRYPTO_ONCE * o, void (*f)(void)), (o, f), 0)
REFUSE(OPENSSL_version_major, unsigned, (void), (), 1)

#endif
