// What stands behind a proxy that carries bytes: swallows them, or sends some. One thread.
//
//   sink PORT
//
// A client says what it wants in 16 bytes: 'U' or 'D', seven bytes that do not matter, and a size in 64 bits, little-endian. After 'U' that many
// bytes are swallowed and one is answered; after 'D' that many are sent. Then it may ask again.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { block_size = 256 * 1024, wish_size = 16 };

struct connection {
  int fd, have;
  char wish[wish_size], what;
  uint64_t left;
};

static char block[block_size];

static size_t part_of(uint64_t left) { return left < block_size ? left : block_size; }

// 1: something was done; 0: the socket has nothing more for now; -1: this connection is over.
static int step(struct connection *c) {
  ssize_t n;
  if (c->what == 0) {
    n = recv(c->fd, c->wish + c->have, wish_size - c->have, 0);
    if (n > 0 && (c->have += n) == wish_size) {
      c->have = 0;
      c->what = c->wish[0];
      memcpy(&c->left, c->wish + 8, 8);
      if (c->what != 'U' && c->what != 'D') return -1;
    }
  } else if (c->left == 0) {
    int answered = c->what == 'D' || send(c->fd, "K", 1, MSG_NOSIGNAL) == 1;
    c->what = 0;
    return answered ? 1 : -1;
  } else {
    // MSG_TRUNC: the bytes are dropped in the kernel, so that the sink takes as little of the load's CPU as it can.
    n = c->what == 'U' ? recv(c->fd, block, part_of(c->left), MSG_TRUNC) : send(c->fd, block, part_of(c->left), MSG_NOSIGNAL);
    if (n > 0) c->left -= n;
  }
  if (n > 0) return 1;
  return n < 0 && errno == EAGAIN ? 0 : -1;
}

static void take(int listener, int events) {
  int one = 1, fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    struct connection *c = calloc(1, sizeof *c);
    struct epoll_event interest = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->fd = fd;
    epoll_ctl(events, EPOLL_CTL_ADD, fd, &interest);
  }
}

int main(int argc, char **argv) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, events = epoll_create1(0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(argc == 2 ? atoi(argv[1]) : 0)};
  struct epoll_event interest = {.events = EPOLLIN}, ready[256];
  if (argc != 2) return 2;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  signal(SIGPIPE, SIG_IGN);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&at, sizeof at) || listen(listener, 4096)) {
    perror("sink");
    return 1;
  }
  epoll_ctl(events, EPOLL_CTL_ADD, listener, &interest);
  for (;;) {
    int count = epoll_wait(events, ready, 256, -1);
    for (int i = 0; i < count; i++) {
      struct connection *c = ready[i].data.ptr;
      int done = 1;
      if (!c) {
        take(listener, events);
        continue;
      }
      while (done > 0) done = step(c);
      if (done < 0) {
        close(c->fd);
        free(c);
      }
    }
  }
}
