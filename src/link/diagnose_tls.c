#include "config.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "link/diagnose.h"

#define STEP_MS 5000
/* With TLS 1.3 a broker refuses our certificate only after its side of the handshake: a moment for that. */
#define LISTEN_MS 1000
#define NAMES_BYTES 160

static void day_of(const ASN1_TIME *time, char out[16])
{
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
        snprintf(out, 16, "?");
}

static void today(char out[16])
{
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    if (strftime(out, 16, "%Y-%m-%d", &tm) == 0)
        snprintf(out, 16, "?");
}

/* "broker.plant, 10.0.0.5" */
static void names_of(X509 *certificate, char out[NAMES_BYTES])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t len = 0;

    out[0] = '\0';
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names) && len < NAMES_BYTES - 1; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const char *between = len > 0 ? ", " : "";
        int more = 0;
        if (name->type == GEN_DNS)
            more = snprintf(out + len, NAMES_BYTES - len, "%s%.*s", between, ASN1_STRING_length(name->d.dNSName),
                            (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4) {
            const unsigned char *ip = ASN1_STRING_get0_data(name->d.iPAddress);
            more = snprintf(out + len, NAMES_BYTES - len, "%s%u.%u.%u.%u", between, ip[0], ip[1], ip[2], ip[3]);
        }
        len += more > 0 ? (size_t)more : 0;
    }
    for (char *c = out; *c != '\0'; c++)
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    GENERAL_NAMES_free(names);
}

static void explain_verify(SSL *ssl, long code, const struct link_options *options, char *out, size_t size)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    char day[16] = "?", now[16], names[NAMES_BYTES] = "";

    today(now);
    if (certificate != NULL && code == X509_V_ERR_CERT_NOT_YET_VALID) {
        day_of(X509_get0_notBefore(certificate), day);
        snprintf(out, size, "TLS with %.80s failed: its certificate is valid from %s on, and this device's clock says %s: set the clock",
                 options->host, day, now);
    } else if (certificate != NULL && code == X509_V_ERR_CERT_HAS_EXPIRED) {
        day_of(X509_get0_notAfter(certificate), day);
        snprintf(out, size, "TLS with %.80s failed: its certificate expired on %s, and this device's clock says %s: it needs a new one",
                 options->host, day, now);
    } else if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        if (certificate != NULL)
            names_of(certificate, names);
        snprintf(out, size, "TLS with %.80s failed: its certificate does not carry that name, but: %s", options->host, names);
    } else {
        snprintf(out, size, "TLS with %.80s failed: certificate verify failed: %.80s: is this the right CA?", options->host,
                 X509_verify_cert_error_string(code));
    }
}

static void explain_error(const struct link_options *options, char *out, size_t size)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    bool refused = reason != NULL && strstr(reason, "alert") != NULL && strstr(reason, "certificate") != NULL;
    bool unknown = reason != NULL && strstr(reason, "alert unknown ca") != NULL;

    snprintf(out, size, "TLS with %.80s port %s failed: %.80s: %s", options->host, options->port,
             reason != NULL ? reason : "the other side closed the connection",
             refused || unknown ? "the broker does not take our certificate: check cert_file, and its dates"
                                : "is TLS spoken there?");
}

/* 1: done; 0: the time is over; -1: it failed. */
static int step_wait(SSL *ssl, int fd, int result, int wait_ms)
{
    int why = SSL_get_error(ssl, result);
    struct pollfd wait = {.fd = fd, .events = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN};

    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        return -1;
    return poll(&wait, 1, wait_ms) > 0;
}

static bool handshake(SSL *ssl, int fd, const struct link_options *options, char *out, size_t size)
{
    int result, more = 1;
    char byte;

    while (more == 1 && (result = SSL_connect(ssl)) != 1)
        more = step_wait(ssl, fd, result, STEP_MS);
    if (more == 0) {
        snprintf(out, size, "TLS with %.80s port %s failed: no answer: is TLS spoken there?", options->host, options->port);
        return true;
    }
    long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK) {
        explain_verify(ssl, verified, options, out, size);
        return true;
    }
    while (more == 1 && (result = SSL_read(ssl, &byte, 1)) <= 0)
        more = step_wait(ssl, fd, result, LISTEN_MS);
    if (more == -1 && SSL_get_error(ssl, result) != SSL_ERROR_ZERO_RETURN) {
        explain_error(options, out, size);
        return true;
    }
    return false;
}

static bool files_use(SSL_CTX *context, const struct link_options *options)
{
    if (options->cert_path != NULL && (SSL_CTX_use_certificate_chain_file(context, options->cert_path) != 1 ||
                                       SSL_CTX_use_PrivateKey_file(context, options->key_path, SSL_FILETYPE_PEM) != 1))
        return false;
    if (options->ca_path != NULL)
        return SSL_CTX_load_verify_locations(context, options->ca_path, NULL) == 1;
    return SSL_CTX_set_default_verify_paths(context) == 1;
}

static void name_expect(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1)
        SSL_set1_host(ssl, host);
    SSL_set_tlsext_host_name(ssl, host);
}

bool diagnose_tls(int fd, const struct link_options *options, char *out, size_t size)
{
    bool found = false;

    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = context != NULL && files_use(context, options) ? SSL_new(context) : NULL;
    if (ssl == NULL) {
        unsigned long code = ERR_get_error();
        const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
        snprintf(out, size, "TLS with %.80s: the certificate, its key or the CA cannot be used: %.80s", options->host,
                 reason != NULL ? reason : "no reason was given");
        found = true;
    } else {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL); /* judged afterwards: only so is there a certificate to speak of */
        name_expect(ssl, options->host);
        found = SSL_set_fd(ssl, fd) == 1 && handshake(ssl, fd, options, out, size);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
    return found;
}
