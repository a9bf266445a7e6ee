#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

/// EVP_EC_gen is a macro around a function of any number of arguments.
static inline EVP_PKEY *openssl_ec_key(const char *curve) { return EVP_EC_gen(curve); }
