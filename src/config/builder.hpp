// The builder behind build(): one object for one load, its steps in the order in which they depend on each other. What it needs of a
// value (is it there, is it good, where did it come from) is in the first few functions; the rest says what each key means.
#pragma once

#include "build.hpp"
#include "schema.hpp"
#include "values.hpp"

#include <algorithm>
#include <initializer_list>
#include <set>

namespace sallyport::config {

std::string label(std::string_view path, std::string_view name);  // path.name
std::string key_of(const std::string& path);                      // "listeners[3].tls" is the key "listeners[].tls"
place of_flag(std::string name);

class builder {
 public:
  builder(const node& merged, const sources& from, const std::optional<milvus_values>& milvus, std::vector<problem>& problems)
      : merged_(merged), from_(from), milvus_(milvus), problems_(problems) {}

  built run();

 private:
  // What is there.
  settings& s() { return out_.value; }
  void complain(const place& at, std::string text, std::string hint = {});
  // The scalar `name` of `parent`, when it is there and good; its origin is noted, the default's too. `sound` turns false for what is there
  // and no good.
  const node* scalar(const node* parent, const std::string& path, std::string_view name, bool* sound = nullptr);
  std::string path_at(const node* parent, const std::string& path, std::string_view name, bool* sound = nullptr);
  template <class Enum>
  void word(const node* parent, const std::string& path, std::string_view name, Enum& into, std::initializer_list<Enum> values,
            bool* sound = nullptr) {
    const node* found = scalar(parent, path, name, sound);
    if (!found) return;
    const auto words = split(find_key(key_of(label(path, name)))->words, '|');
    const auto at = static_cast<std::size_t>(std::find(words.begin(), words.end(), found->text) - words.begin());
    into = *(values.begin() + at);
  }
  const node* map_below(std::string_view name) const;
  const std::vector<node>* list_below(const node& parent, std::string_view name) const;
  // A name that others refer to, unique among its kind.
  std::string name_at(const node& item, const std::string& path, std::set<std::string>& taken, bool& sound);
  std::optional<host_port> endpoint_flag(const std::string& value, const std::string& name, bool port_zero);

  // What it means.
  void unsafe_keys();
  void backends();
  void implied_backend(const host_port& at);
  void backend(const node& item, const std::string& path, std::set<std::string>& taken, const std::optional<host_port>& flag);
  void endpoints(const node& item, const std::string& path, upstream::settings& made);
  void rest_endpoints(const node& item, const std::string& path, upstream::settings& made);
  void addresses(const node& list, const std::string& path, std::vector<upstream::endpoint>& into);
  void backend_tls(const node& item, const std::string& path, upstream::settings& made);
  void upkeep(const node& item, const std::string& path, upstream::settings& made);

  void listeners();
  void implied_listener(const std::optional<host_port>& flag);
  void listener(const node& item, const std::string& path, std::set<std::string>& taken, const std::optional<host_port>& flag);
  void address_of(const node& item, const std::string& path, proxy::listener_settings& made, const std::optional<host_port>& flag,
                  bool& sound);
  void bytes_of(const node& item, proxy::listener_settings& made);
  void backend_of(const node& named, proxy::listener_settings& made);
  void tokens_of(const node* item, const std::string& path, proxy::listener_settings& made, bool& sound);
  void tls_of(const node* item, const std::string& path, proxy::listener_settings& made, bool& sound);
  void policy_of(const node& block, const std::string& below, tls::policy_settings& into, bool& sound);
  void certificates(const node& block, const std::string& below, tls::policy_settings& into, bool& sound);
  void client_rules(const node& block, const std::string& below, tls::policy_settings& into, bool& sound);
  void names_of(const node& block, const std::string& below, tls::server_settings& into, bool& sound);
  void milvus_tls(const std::string& path, proxy::listener_settings& made, bool& sound);

  void users();
  void admin();
  // systemd sets STATE_DIRECTORY; several folders are separated by colons.
  std::string default_store() const;
  void user_calls();
  void scalars();
  template <class Number>
  void count(std::string_view block, std::string_view name, Number& into) {
    if (const node* found = scalar(map_below(block), std::string(block), name)) into = static_cast<Number>(*parse_count(found->text));
  }
  void duration(std::string_view block, std::string_view name, std::chrono::milliseconds& into);

  const node& merged_;
  const sources& from_;
  const std::optional<milvus_values>& milvus_;
  std::vector<problem>& problems_;
  std::set<std::string> milvus_tls_told_;
  built out_;
};

}  // namespace sallyport::config
