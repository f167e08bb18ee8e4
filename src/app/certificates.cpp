#include "certificates.hpp"

#include <algorithm>

#include <boost/json/array.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace sallyport::app {

namespace {

namespace json = boost::json;

// What a file is known by: which it is, how long, when it was written and when it was put there.
std::string state_of(const std::vector<std::string>& files) {
  std::string text;
  for (const auto& path : files) {
    struct stat is{};
    const auto add = [&text](auto number) { text += std::to_string(number) + ' '; };
    if (::stat(path.c_str(), &is) != 0) {
      add(errno);
      continue;
    }
    add(is.st_dev), add(is.st_ino), add(is.st_size);
    add(is.st_mtim.tv_sec), add(is.st_mtim.tv_nsec), add(is.st_ctim.tv_sec), add(is.st_ctim.tv_nsec);
  }
  return text;
}

std::string first_certificate(const tls::context& of) {
  for (const auto& one : of.dates())
    if (one.is == tls::context::dated::kind::server) return one.sha256;
  return {};
}

std::string_view kind_of(const tls::context::dated& one) {
  using kind = tls::context::dated::kind;
  switch (one.is) {
    case kind::server: return "server";
    case kind::client_ca: return "client_ca";
    case kind::crl: break;
  }
  return "crl";
}

}  // namespace

certificates::certificates(const config::settings& s, telemetry::logger& log, server_status& status)
    : settings_(s),
      log_(log),
      status_(status),
      counts_(status.metrics_of_all().make_shard()),
      doors_(s.listeners.size()),
      backends_(s.backends),
      roads_(s.backends.size()) {}

std::vector<core::fault> certificates::load() {
  std::vector<core::fault> faults;
  for (std::size_t i = 0; i < doors_.size(); ++i) {
    const auto& on = settings_.listeners[i];
    if (!on.tls) continue;
    auto& its = doors_[i];
    its.files = tls::files_of(*on.tls);
    its.loaded = its.seen = state_of(its.files);
    auto loaded = tls::context::load(*on.tls, tickets_);
    if (!loaded) {
      for (auto& f : loaded.error()) faults.push_back(std::move(f));
      continue;
    }
    warn("listener", on.address.name, (*loaded)->warnings());
    its.live = std::make_shared<tls::live<tls::context>>(std::move(*loaded));
  }
  for (std::size_t i = 0; i < backends_.size(); ++i)
    if (backends_[i].tls) load_backend(i, faults);
  if (faults.empty()) tell();
  return faults;
}

void certificates::load_backend(std::size_t backend, std::vector<core::fault>& faults) {
  auto& to = backends_[backend];
  auto& road = roads_[backend];
  for (const auto* file : {&to.tls->files.ca, &to.tls->files.cert, &to.tls->files.key})
    if (!file->empty()) road.files.push_back(*file);
  road.loaded = road.seen = state_of(road.files);
  auto loaded = tls::client_trust::load(to.tls->files);
  if (!loaded) {
    for (auto& f : loaded.error()) faults.push_back(std::move(f));
    return;
  }
  warn("backend", to.name, (*loaded)->warnings());
  to.trust = std::make_shared<tls::live<tls::client_trust>>(std::move(*loaded));
}

bool certificates::watched::has_settled() {
  auto state = state_of(files);
  const bool same = state == std::exchange(seen, state);
  return same && state != loaded;
}

void certificates::look() {
  for (std::size_t i = 0; i < doors_.size(); ++i)
    if (doors_[i].live && doors_[i].has_settled()) load_again(i);
  for (std::size_t i = 0; i < roads_.size(); ++i)
    if (backends_[i].trust && roads_[i].has_settled()) load_backend_again(i);
}

certificates::outcome certificates::reload() {
  outcome all;
  const auto count = [&all](result came) {
    all.replaced += came == result::replaced;
    all.unchanged += came == result::unchanged;
  };
  for (std::size_t i = 0; i < doors_.size(); ++i)
    if (doors_[i].live) count(load_again(i, &all.faults));
  for (std::size_t i = 0; i < roads_.size(); ++i)
    if (backends_[i].trust) count(load_backend_again(i, &all.faults));
  return all;
}

// The state is taken before the files are read: what changes meanwhile is seen at the next look.
certificates::result certificates::load_again(std::size_t listener, std::vector<std::string>* faults) {
  auto& its = doors_[listener];
  const auto& on = settings_.listeners[listener];
  its.loaded = state_of(its.files);
  auto loaded = tls::context::load(*on.tls, tickets_);
  if (!loaded) return not_loaded("listener", on.address.name, loaded.error(), first_certificate(*its.live->now()), faults);
  if ((*loaded)->fingerprint() == its.live->now()->fingerprint()) return result::unchanged;
  warn("listener", on.address.name, (*loaded)->warnings());
  its.live->replace(std::move(*loaded));
  counts_.count(telemetry::counter::certificate_reloads);
  log_.info("certificates_reloaded",
            {{"listener", on.address.name}, {"generation", its.live->generation()}, {"serving", first_certificate(*its.live->now())}});
  tell();
  return result::replaced;
}

certificates::result certificates::load_backend_again(std::size_t backend, std::vector<std::string>* faults) {
  auto& to = backends_[backend];
  auto& road = roads_[backend];
  auto state = state_of(road.files);
  if (state == road.loaded && !road.failed) return result::unchanged;
  road.loaded = std::move(state);
  auto loaded = tls::client_trust::load(to.tls->files);
  road.failed = !loaded;  // whoever asks again hears it again
  if (!loaded) return not_loaded("backend", to.name, loaded.error(), {}, faults);
  warn("backend", to.name, (*loaded)->warnings());
  to.trust->replace(std::move(*loaded));
  counts_.count(telemetry::counter::certificate_reloads);
  log_.info("certificates_reloaded", {{"backend", to.name}, {"generation", to.trust->generation()}});
  return result::replaced;
}

void certificates::warn(std::string_view kind, const std::string& name, const std::vector<std::string>& texts) {
  for (const auto& text : texts) log_.warning("certificate_warning", {{kind, name}, {"text", text}});
}

certificates::result certificates::not_loaded(std::string_view kind, const std::string& name, const std::vector<core::fault>& why,
                                              const std::string& serving, std::vector<std::string>* faults) {
  counts_.count(telemetry::counter::certificate_reload_failures);
  for (const auto& f : why) {
    log_.error("certificates_not_reloaded", {{kind, name}, {"text", f.text}, {"serving", serving}});
    if (faults) faults->push_back(f.text);
  }
  return result::failed;
}

void certificates::tell() {
  std::vector<telemetry::certificate_figures> all;
  std::vector<std::uint64_t> generations;
  for (std::size_t i = 0; i < doors_.size(); ++i) {
    generations.push_back(doors_[i].live ? doors_[i].live->generation() : 0);
    if (!doors_[i].live) continue;
    for (const auto& one : doors_[i].live->now()->dates())
      all.push_back({settings_.listeners[i].address.name, std::string(kind_of(one)), one.path, one.subject, one.sha256, one.until});
  }
  // Policies of a listener may share a file, and a series has one sample.
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  status_.certificates(std::move(all), std::move(generations));
}

admin::handler with_reload(certificates& what, admin::handler others) {
  return [&what, others = std::move(others)](json::object request, std::function<void(json::object)> done) {
    const json::value* op = request.if_contains("op");
    if (!op || !op->is_string() || op->get_string() != "reload") return others(std::move(request), std::move(done));
    const auto came = what.reload();
    json::array faults;
    for (const auto& text : came.faults) faults.push_back(json::value(text));
    done({{"replaced", came.replaced}, {"unchanged", came.unchanged}, {"faults", std::move(faults)}});
  };
}

}  // namespace sallyport::app
