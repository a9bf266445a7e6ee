// Signatures of films after the C2PA specification, by libc2pa_c, which is opened when the first film is
// signed or verified: it is 22 MB, and comes with PyPI's `c2pa-python`.
#pragma once

/// Opens the library, once in a process. Null, or why it cannot be used: to be freed.
char *c2pa_shim_open(const char *path);

/// What a signature is made with. PEM texts.
typedef struct {
    /// `es256`, `ps256`, …
    const char *algorithm;
    const char *certificates;
    const char *key;
} c2pa_shim_signer;

/// Writes the file `from` with a manifest into the file `to`, both open. `format` is a media type.
/// Null, or why not: to be freed.
char *c2pa_shim_sign(int from, int to, const char *format, const char *manifest,
                     const c2pa_shim_signer *signer);

/// The manifests of an open file and what is wrong with them, as JSON; with `*failed` set, why there is
/// none. To be freed.
char *c2pa_shim_read(int from, const char *format, int *failed);
