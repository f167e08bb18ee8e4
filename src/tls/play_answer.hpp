// What is asked after a handshake, and what an answer proves: that the server has read our bytes, and which status it gave. HTTP/1.1, or of
// HTTP/2 (RFC 9113, RFC 7541) as much as it takes to see the :status of the first answer. No I/O; bounded by the socket's bytes.
#pragma once

#include <string>
#include <string_view>

namespace sallyport::tls {

class play_answer {
 public:
  play_answer(std::string_view alpn, std::string host);

  std::string question() const;
  void received(std::string_view bytes);

  enum class proof {
    nothing,
    some,   // application data: TLS 1.3 lets a server send that before it has judged us, so something may follow
    whole,  // an answer to what we asked
  };
  proof so_far() const { return proof_; }
  int status() const { return status_; }
  bool says_no() const;  // an HTTP status with which servers refuse a certificate after the handshake
  std::string words() const;

 private:
  void read_http1();
  void read_http2();
  void frame(unsigned type, unsigned flags, unsigned stream, std::string_view payload);
  void answered(int status);
  void became(proof what, std::string words);

  const bool http2_;
  const std::string host_;
  std::string pending_;
  proof proof_ = proof::nothing;
  int status_ = 0;
  std::string words_;
};

// The :status in the first header block of a connection; 0: it does not begin with one.
int status_of_block(std::string_view block);

}  // namespace sallyport::tls
