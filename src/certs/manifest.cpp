#include "manifest.hpp"

#include <sallyport/certs/recipe.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <array>

namespace sallyport::certs {

namespace json = boost::json;

namespace {

constexpr std::array families{family::dates, family::names,      family::chain,    family::extensions,
                              family::keys,  family::revocation, family::encoding, family::size};

const char* name_of(verdict which) { return which == verdict::accept ? "accept" : "refuse"; }

json::object described(const fixtures& all, const fixture& one) {
  json::array versions;
  for (const auto& version : one.versions) versions.push_back(json::value(version));
  return {{"id", one.id},
          {"family", certs::name_of(one.family)},
          {"fault", one.fault},
          {"expect",
           {{"none", name_of(one.expect.none)}, {"optional", name_of(one.expect.optional)}, {"required", name_of(one.expect.required)}}},
          {"openssl_error", one.openssl_error},
          {"check", one.check},
          {"alert", one.alert},
          {"versions", std::move(versions)},
          {"needs", one.needs},
          {"says", one.says},
          {"files",
           {{"cert", one.cert},
            {"key", one.key},
            {"ca", all.ca},
            {"crl", all.crl},
            {"server_cert", all.server_cert},
            {"server_key", all.server_key}}}};
}

// Reads what is asked for and remembers whether all of it was there.
class reader {
 public:
  std::string text(const json::object& from, std::string_view name) {
    const json::value* found = from.if_contains(name);
    if (found && found->is_string()) return std::string(found->get_string());
    return miss(name), std::string();
  }
  const json::object& object(const json::object& from, std::string_view name) {
    static const json::object none;
    const json::value* found = from.if_contains(name);
    if (found && found->is_object()) return found->get_object();
    return miss(name), none;
  }
  std::vector<std::string> texts(const json::object& from, std::string_view name) {
    std::vector<std::string> all;
    const json::value* found = from.if_contains(name);
    if (!found || !found->is_array()) return miss(name), all;
    for (const auto& each : found->get_array()) {
      if (!each.is_string()) return miss(name), all;
      all.emplace_back(each.get_string());
    }
    return all;
  }
  certs::verdict verdict(const json::object& from, std::string_view name) {
    const std::string word = text(from, name);
    if (word != "accept" && word != "refuse") miss(name);
    return word == "accept" ? verdict::accept : verdict::refuse;
  }
  certs::family family(const json::object& from, std::string_view name) {
    const std::string word = text(from, name);
    for (const auto each : families)
      if (certs::name_of(each) == word) return each;
    return miss(name), family::dates;
  }

  const std::string& missed() const { return missed_; }

 private:
  void miss(std::string_view name) {
    if (missed_.empty()) missed_ = name;
  }
  std::string missed_;
};

fixture read_set(reader& from, const json::object& object, const std::string& directory) {
  fixture one;
  one.id = from.text(object, "id");
  one.family = from.family(object, "family");
  one.fault = from.text(object, "fault");
  const json::object& expect = from.object(object, "expect");
  one.expect = {from.verdict(expect, "none"), from.verdict(expect, "optional"), from.verdict(expect, "required")};
  one.openssl_error = from.text(object, "openssl_error");
  one.check = from.text(object, "check");
  one.alert = from.text(object, "alert");
  one.versions = from.texts(object, "versions");
  one.needs = from.text(object, "needs");
  one.says = from.text(object, "says");
  const json::object& files = from.object(object, "files");
  one.cert = in_directory(directory, from.text(files, "cert"));
  one.key = in_directory(directory, from.text(files, "key"));
  return one;
}

core::fault unreadable(const std::string& why) { return {errc::failed, std::string(manifest_name) + ": " + why}; }

}  // namespace

std::string_view name_of(family which) {
  switch (which) {
    case family::dates: return "dates";
    case family::names: return "names";
    case family::chain: return "chain";
    case family::extensions: return "extensions";
    case family::keys: return "keys";
    case family::revocation: return "revocation";
    case family::encoding: return "encoding";
    case family::size: return "size";
  }
  return {};
}

std::string in_directory(const std::string& directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  return directory + (directory.ends_with('/') ? "" : "/") + std::string(name);
}

std::string manifest_of(const fixtures& what) {
  std::string text = "[";
  for (const auto& one : what.sets) text += (text.size() > 1 ? ",\n" : "\n") + json::serialize(described(what, one));
  return text + "\n]\n";
}

core::outcome<fixtures> fixtures_of(const std::string& manifest, const std::string& directory) {
  core::error_code ec;
  const json::value parsed = json::parse(manifest, ec);
  if (ec || !parsed.is_array()) return unreadable("not a list of JSON");
  if (parsed.get_array().empty()) return unreadable("an empty list");
  fixtures read;
  read.directory = directory;
  reader from;
  for (const auto& each : parsed.get_array()) {
    if (!each.is_object()) return unreadable("an entry is no object");
    read.sets.push_back(read_set(from, each.get_object(), directory));
    if (!from.missed().empty()) return unreadable("'" + from.missed() + "' of set '" + read.sets.back().id + "' is not as it should be");
  }
  const json::object& shared = from.object(parsed.get_array().front().get_object(), "files");
  read.ca = in_directory(directory, from.text(shared, "ca"));
  read.crl = in_directory(directory, from.text(shared, "crl"));
  read.server_cert = in_directory(directory, from.text(shared, "server_cert"));
  read.server_key = in_directory(directory, from.text(shared, "server_key"));
  if (!from.missed().empty()) return unreadable("'" + from.missed() + "' is not as it should be");
  return read;
}

}  // namespace sallyport::certs
