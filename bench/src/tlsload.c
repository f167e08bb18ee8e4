// TLS load client: handshakes, connections that are held, and bytes.
//
//   tlsload hs   PORT -n COUNT -t THREADS [-r] [-C cert.pem -K key.pem]
//   tlsload hold PORT -c CONNECTIONS -t THREADS
//   tlsload bulk PORT up|down -c CONNECTIONS -m MEBIBYTES [-p]
//
// hs sends an HTTP/2 preface after each handshake, since some servers hold their tickets back until they have something to write, and waits
// for the server's first bytes, so that the server has certainly finished its side. -r resumes with the newest ticket; -C and -K are the
// client's certificate, which the server must have asked for. Its result is one JSON object.
// hold opens the connections and makes one gRPC call on each: one after the other with -t 1; with as many threads as connections all at once,
// the handshakes together and then the calls together. It prints READY with a JSON object and obeys its standard input: a line of two numbers
// makes so many more calls, so many at a time, in turn on all connections, and prints DONE with a JSON object; at the end it prints OPEN with
// the number of connections that are open still.
// bulk sends bytes to `sink`, or has it send some, on all connections together; -p without TLS.
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

static int port, connections = 1, threads = 8, resume, plain, down;
static long count = 1000, mebibytes = 1024;
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

static size_t request(unsigned char *out, uint32_t id) {
  enum { message = 105 };
  unsigned char *head = out + 9;
  size_t n = 0;
  n += literal(head + n, ":method", "POST");
  n += literal(head + n, ":scheme", "https");
  n += literal(head + n, ":path", "/bench.Echo/small");
  n += literal(head + n, ":authority", "localhost");
  n += literal(head + n, "content-type", "application/grpc");
  n += literal(head + n, "te", "trailers");
  n += literal(head + n, "authorization", "cm9vdDpNaWx2dXM=");
  frame(out, n, 1, 4, id);
  unsigned char *body = head + n + frame(head + n, message, 0, 1, id);
  memset(body, 0, message);
  body[4] = message - 5;
  return body + message - out;
}

struct connection {
  SSL *tls;
  int fd;
  uint32_t id;          // of the last stream
  uint32_t uncredited;  // bytes of the connection's window that were not given back
};

static struct connection *held;
static pthread_barrier_t everybody;  // of those who hold
static long calls;                   // so many that are still to be made
static int window;                   // so many at a time

// Sends so many requests at once. 0: all of them are on their way
static int ask(struct connection *c, int requests) {
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  unsigned char out[64 * 512], *at = out;
  if (c->id == 0) {
    memcpy(at, preface, 24);
    at += 24 + frame(at + 24, 0, 4, 0, 0);
  }
  for (int i = 0; i < requests; i++) at += request(at, c->id = c->id ? c->id + 2 : 1);
  return write_all(c->tls, out, at - out);
}

// 0: as many answers have come, each whole and of the backend
static int answers(struct connection *c, int wanted) {
  unsigned char in[16384], reply[13];
  long bytes = 0, due = 105L * wanted;  // a refusal has no body
  while (wanted > 0) {
    if (read_all(c->tls, in, 9)) return -1;
    size_t length = in[0] << 16 | in[1] << 8 | in[2];
    int type = in[3], flags = in[4];
    if (length > sizeof in || read_all(c->tls, in, length)) return -1;
    if (type == 4 && !(flags & 1) && write_all(c->tls, reply, frame(reply, 0, 4, 1, 0))) return -1;
    if (type == 3 || type == 7) return -1;
    if (type == 0) bytes += length, c->uncredited += length;
    if (type == 0 || type == 1) wanted -= flags & 1;
  }
  if (c->uncredited > 16384) {  // RFC 9113 6.9; a stream's own window never runs out, it carries one answer
    uint32_t credit = htonl(c->uncredited);
    memcpy(reply + frame(reply, 4, 8, 0, 0), &credit, 4);
    c->uncredited = 0;
    if (write_all(c->tls, reply, sizeof reply)) return -1;
  }
  return bytes == due ? 0 : -1;
}

// Those connections are this thread's whose number is `mine` beyond a multiple of the number of threads.
static void *open_some(void *number) {
  int mine = (intptr_t)number;
  for (int i = mine; i < connections; i += threads) held[i].fd = dial();
  pthread_barrier_wait(&everybody);
  for (int i = mine; i < connections; i += threads) {
    struct connection *c = &held[i];
    c->tls = c->fd < 0 ? NULL : handshake(c->fd, NULL, 0);
    if (threads < connections && c->tls && (ask(c, 1) || answers(c, 1))) c->id = 0;
  }
  pthread_barrier_wait(&everybody);
  if (threads == connections && held[mine].tls && (ask(&held[mine], 1) || answers(&held[mine], 1))) held[mine].id = 0;
  return NULL;
}

static void *call_some(void *number) {
  int mine = (intptr_t)number, users = window < connections ? window : connections, together = window / users, i = mine;
  while (__atomic_fetch_sub(&calls, together, __ATOMIC_RELAXED) > 0) {
    if (!held[i].id || ask(&held[i], together) || answers(&held[i], together)) __atomic_fetch_add(&failed, together, __ATOMIC_RELAXED);
    i = i + users < connections ? i + users : mine;
  }
  return NULL;
}

static void all_threads(int how_many, void *(*work)(void *)) {
  pthread_t *running = calloc(how_many, sizeof *running);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 256 * 1024);
  for (long i = 0; i < how_many; i++) {
    if (pthread_create(&running[i], &small, work, (void *)i)) exit(3);
  }
  for (int i = 0; i < how_many; i++) pthread_join(running[i], NULL);
  free(running);
}

static int hold(void) {
  int good = 0, left_open = 0;
  double began = now();
  held = calloc(connections, sizeof *held);
  pthread_barrier_init(&everybody, NULL, threads);
  all_threads(threads, open_some);
  for (int i = 0; i < connections; i++) good += held[i].id != 0;
  printf("READY {\"units\":%d,\"failed\":%d,\"seconds\":%.4f}\n", good, connections - good, now() - began);
  fflush(stdout);
  while (scanf("%ld %d", &count, &window) == 2 && window > 0 && window <= 64) {
    failed = 0, calls = count, began = now();
    all_threads(window < connections ? window : connections, call_some);
    printf("DONE {\"units\":%ld,\"failed\":%ld,\"seconds\":%.4f}\n", count - failed, failed, now() - began);
    fflush(stdout);
  }
  for (int i = 0; i < connections; i++) {
    // Bytes that wait to be read (tickets, PING) are no sign of a close; the state of the connection is.
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (held[i].fd >= 0 && !getsockopt(held[i].fd, IPPROTO_TCP, TCP_INFO, &info, &length) && info.tcpi_state == TCP_ESTABLISHED) left_open++;
  }
  printf("OPEN %d\n", left_open);
  return good != connections;
}

static int put(struct connection *c, const void *p, size_t n) {
  if (c->tls) return write_all(c->tls, p, n);
  return send(c->fd, p, n, 0) == (ssize_t)n ? 0 : -1;
}

static long get(struct connection *c, void *p, size_t n) { return c->tls ? SSL_read(c->tls, p, n) : recv(c->fd, p, n, 0); }

static int carry(struct connection *c, char *bytes, size_t size, uint64_t left) {
  char wish[16] = {down ? 'D' : 'U'};
  memcpy(wish + 8, &left, 8);
  if (c->fd < 0 || (!plain && !(c->tls = handshake(c->fd, NULL, 0))) || put(c, wish, sizeof wish)) return -1;
  while (left) {
    size_t part = left < size ? left : size;
    long n = down ? get(c, bytes, part) : put(c, bytes, part) ? -1 : (long)part;
    if (n <= 0) return -1;
    left -= n;
  }
  return down || get(c, bytes, 1) == 1 ? 0 : -1;
}

static void *carry_some(void *number) {
  enum { size = 64 * 1024 };
  struct connection c = {.fd = dial()};
  char *bytes = calloc(1, size);
  (void)number;
  if (carry(&c, bytes, size, ((uint64_t)mebibytes << 20) / connections)) __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
  if (c.tls) SSL_shutdown(c.tls), SSL_free(c.tls);
  if (c.fd >= 0) close(c.fd);
  free(bytes);
  return NULL;
}

static int bulk(void) {
  double began = now();
  all_threads(connections, carry_some);
  printf("{\"units\":%.6f,\"failed\":%ld,\"seconds\":%.4f}\n", failed ? 0.0 : mebibytes / 1024.0, failed, now() - began);
  return failed != 0;
}

static int hs(void) {
  double began = now();
  all_threads(threads, handshakes);
  printf("{\"units\":%ld,\"resumed\":%ld,\"failed\":%ld,\"seconds\":%.4f}\n", count - failed, resumed, failed, now() - began);
  return failed != 0;
}

int main(int argc, char **argv) {
  int o;
  if (argc < 3) return 2;
  int resting = !strcmp(argv[1], "hold"), carrying = !strcmp(argv[1], "bulk");
  port = atoi(argv[2]);
  if (carrying) down = argc > 3 && !strcmp(argv[3], "down");
  optind = carrying ? 4 : 3;
  while ((o = getopt(argc, argv, "n:t:c:m:C:K:rp")) != -1) {
    switch (o) {
      case 'n': count = atol(optarg); break;
      case 't': threads = atoi(optarg); break;
      case 'c': connections = atoi(optarg); break;
      case 'm': mebibytes = atol(optarg); break;
      case 'C': cert = optarg; break;
      case 'K': key = optarg; break;
      case 'r': resume = 1; break;
      case 'p': plain = 1; break;
      default: return 2;
    }
  }
  if (threads < 1 || connections < 1) return 2;
  if (resting && threads > connections) threads = connections;
  signal(SIGPIPE, SIG_IGN);
  ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384");
  SSL_CTX_set1_groups_list(ctx, "X25519");
  SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2", 3);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, on_session);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  if (!resting && !carrying) SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
  ticket_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  if (cert && (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)) {
    ERR_print_errors_fp(stderr);
    return 2;
  }
  return resting ? hold() : carrying ? bulk() : hs();
}
