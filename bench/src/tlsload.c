// TLS load client: handshakes, and connections at rest.
//
//   tlsload hs   PORT -n COUNT -t THREADS [-r] [-C cert.pem -K key.pem]
//   tlsload idle PORT -c CONNECTIONS
//
// hs sends an HTTP/2 preface after each handshake, since some servers hold their tickets back until they have something to write, and waits
// for the server's first bytes, so that the server has certainly finished its side. -r resumes with the newest ticket; -C and -K are the
// client's certificate, which the server must have asked for. Its result is one JSON object.
// idle opens the connections, makes one gRPC call on each, prints READY with a JSON object, waits for the end of standard input, and prints
// OPEN with the number of connections that are open still.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int port, connections = 1, threads = 8, resume;
static long count = 1000;
static const char *cert, *key;
static SSL_CTX *ctx;
static int ticket_index;
static long started, resumed, failed;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static int dial(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct timeval limit = {20, 0};
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd, (void *)&a, sizeof a) == 0) return fd;
  close(fd);
  return -1;
}

struct ticket {
  SSL_SESSION *session;
  int fresh;
};

static int on_session(SSL *ssl, SSL_SESSION *session) {
  struct ticket *t = SSL_get_ex_data(ssl, ticket_index);
  if (!t) return 0;
  if (t->session) SSL_SESSION_free(t->session);
  t->session = session;
  t->fresh++;
  return 1;
}

static SSL *handshake(int fd, struct ticket *t, int use) {
  SSL *s = SSL_new(ctx);
  SSL_set_fd(s, fd);
  SSL_set_tlsext_host_name(s, "localhost");
  SSL_set_ex_data(s, ticket_index, t);
  if (use && t->session) SSL_set_session(s, t->session);
  if (SSL_connect(s) == 1) return s;
  SSL_free(s);
  ERR_clear_error();
  return NULL;
}

// -1 failed, 0 full, 1 resumed
static int one_handshake(struct ticket *t, int use) {
  static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";  // the ninth byte of SETTINGS is the literal's own NUL
  char bytes[4096];
  int fd = dial(), outcome = -1;
  if (fd < 0) return -1;
  t->fresh = 0;
  SSL *s = handshake(fd, t, use);
  if (s) {
    int asked = SSL_get0_peer_CA_list(s) != NULL, fine = 1;
    SSL_write(s, hello, sizeof hello);
    while (!t->fresh) {
      // Without SSL_MODE_AUTO_RETRY the call returns after each ticket.
      int r = SSL_read(s, bytes, sizeof bytes);
      if (r <= 0 && SSL_get_error(s, r) != SSL_ERROR_WANT_READ) fine = 0;  // an alert after the handshake, or closed
      if (r <= 0 || !resume) break;
    }
    if (fine && (!cert || resume || asked)) outcome = SSL_session_reused(s);
    SSL_shutdown(s);
    SSL_free(s);
  }
  close(fd);
  return outcome;
}

static void *handshakes(void *unused) {
  struct ticket t = {0};
  (void)unused;
  if (resume) one_handshake(&t, 0);
  while (__atomic_fetch_add(&started, 1, __ATOMIC_RELAXED) < count) {
    int outcome = one_handshake(&t, resume);
    if (outcome < 0) __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
    if (outcome == 1) __atomic_fetch_add(&resumed, 1, __ATOMIC_RELAXED);
  }
  if (t.session) SSL_SESSION_free(t.session);
  return NULL;
}

static int write_all(SSL *s, const unsigned char *p, size_t n) {
  size_t done = 0;
  return SSL_write_ex(s, p, n, &done) == 1 && done == n ? 0 : -1;
}

static int read_all(SSL *s, unsigned char *p, size_t n) {
  while (n) {
    size_t got = 0;
    if (SSL_read_ex(s, p, n, &got) != 1) return -1;
    p += got;
    n -= got;
  }
  return 0;
}

// RFC 7541, 6.2.2: a literal without indexing, with a new name; both shorter than 127 bytes
static size_t literal(unsigned char *p, const char *name, const char *value) {
  size_t a = strlen(name), b = strlen(value);
  p[0] = 0;
  p[1] = a;
  memcpy(p + 2, name, a);
  p[2 + a] = b;
  memcpy(p + 3 + a, value, b);
  return 3 + a + b;
}

static size_t frame(unsigned char *p, size_t length, int type, int flags, uint32_t id) {
  p[0] = length >> 16, p[1] = length >> 8, p[2] = length, p[3] = type, p[4] = flags;
  id = htonl(id);
  memcpy(p + 5, &id, 4);
  return 9;
}

static size_t request(unsigned char *out) {
  enum { message = 105 };
  unsigned char head[512];
  size_t n = 0, o = 24;
  memcpy(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
  o += frame(out + o, 0, 4, 0, 0);
  n += literal(head + n, ":method", "POST");
  n += literal(head + n, ":scheme", "https");
  n += literal(head + n, ":path", "/bench.Echo/small");
  n += literal(head + n, ":authority", "localhost");
  n += literal(head + n, "content-type", "application/grpc");
  n += literal(head + n, "te", "trailers");
  n += literal(head + n, "authorization", "cm9vdDpNaWx2dXM=");
  o += frame(out + o, n, 1, 4, 1);
  memcpy(out + o, head, n);
  o += n;
  o += frame(out + o, message, 0, 1, 1);
  memset(out + o, 0, message);
  out[o + 4] = message - 5;
  return o + message;
}

static int call(SSL *s) {
  unsigned char out[1024], in[65536];
  size_t got = 0;
  if (write_all(s, out, request(out))) return -1;
  for (;;) {
    uint32_t id;
    if (read_all(s, in, 9)) return -1;
    size_t length = in[0] << 16 | in[1] << 8 | in[2];
    int type = in[3], flags = in[4];
    memcpy(&id, in + 5, 4);
    id = ntohl(id) & 0x7fffffff;
    if (length > sizeof in || read_all(s, in, length)) return -1;
    if (type == 4 && !(flags & 1)) {
      unsigned char acknowledged[9];
      if (write_all(s, acknowledged, frame(acknowledged, 0, 4, 1, 0))) return -1;
    }
    if (type == 3 || type == 7) return -1;
    if (type == 0 && id == 1) got += length;
    if ((type == 0 || type == 1) && id == 1 && (flags & 1)) return got >= 105 ? 0 : -1;  // a refusal has no body
  }
}

static int idle(void) {
  SSL **sessions = calloc(connections, sizeof *sessions);
  int *fds = calloc(connections, sizeof *fds), left_open = 0;
  double began = now();
  for (int i = 0; i < connections; i++) {
    fds[i] = dial();
    sessions[i] = fds[i] < 0 ? NULL : handshake(fds[i], NULL, 0);
    if (!sessions[i] || call(sessions[i])) failed++;
  }
  printf("READY {\"ok\":%ld,\"failed\":%ld,\"seconds\":%.3f}\n", connections - failed, failed, now() - began);
  fflush(stdout);
  while (getchar() != EOF) {
  }
  for (int i = 0; i < connections; i++) {
    // Bytes that wait to be read (tickets, PING) are no sign of a close; the state of the connection is.
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (fds[i] >= 0 && !getsockopt(fds[i], IPPROTO_TCP, TCP_INFO, &info, &length) && info.tcpi_state == TCP_ESTABLISHED) left_open++;
  }
  printf("OPEN %d\n", left_open);
  return failed != 0;
}

static int hs(void) {
  pthread_t *running = calloc(threads, sizeof *running);
  double began = now();
  for (int i = 0; i < threads; i++) pthread_create(&running[i], NULL, handshakes, NULL);
  for (int i = 0; i < threads; i++) pthread_join(running[i], NULL);
  printf("{\"units\":%ld,\"resumed\":%ld,\"failed\":%ld,\"seconds\":%.4f}\n", count - failed, resumed, failed, now() - began);
  return failed != 0;
}

int main(int argc, char **argv) {
  int o;
  if (argc < 3) return 2;
  int resting = !strcmp(argv[1], "idle");
  port = atoi(argv[2]);
  optind = 3;
  while ((o = getopt(argc, argv, "n:t:c:C:K:r")) != -1) {
    switch (o) {
      case 'n': count = atol(optarg); break;
      case 't': threads = atoi(optarg); break;
      case 'c': connections = atoi(optarg); break;
      case 'C': cert = optarg; break;
      case 'K': key = optarg; break;
      case 'r': resume = 1; break;
      default: return 2;
    }
  }
  signal(SIGPIPE, SIG_IGN);
  ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384");
  SSL_CTX_set1_groups_list(ctx, "X25519");
  SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2", 3);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, on_session);
  if (!resting) SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
  ticket_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  if (cert && (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)) {
    ERR_print_errors_fp(stderr);
    return 2;
  }
  return resting ? idle() : hs();
}
