#include "command_line.hpp"
#include "exit_codes.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <ostream>

namespace sallyport::app {

namespace {

namespace json = boost::json;
using severity = config::problem::severity;

std::string_view name_of(config::origin::layer from) {
  switch (from) {
    case config::origin::layer::built_in: return "default";
    case config::origin::layer::milvus: return "milvus_config";
    case config::origin::layer::file: return "file";
    case config::origin::layer::environment: return "environment";
    case config::origin::layer::flag: return "flag";
  }
  return "default";
}

json::object as_json(const config::problem& p) {
  return {{"severity", p.weight == severity::error ? "error" : "warning"},
          {"file", p.file},
          {"line", p.line},
          {"column", p.column},
          {"text", p.text},
          {"hint", p.hint}};
}

json::object as_json(const config::origin& o) {
  return {{"value", o.shown}, {"from", name_of(o.from)}, {"name", o.name}, {"line", o.line}, {"column", o.column}};
}

void print_json(const config::loaded& loaded, std::size_t errors, const check_options& options, surroundings& around) {
  json::object all{{"ok", errors == 0}, {"errors", errors}, {"warnings", loaded.problems.size() - errors}};
  json::array problems, unsafe;
  for (const config::problem& p : loaded.problems) problems.push_back(as_json(p));
  if (loaded.value)
    for (const std::string& sentence : config::unsafe_in_force(*loaded.value)) unsafe.push_back(json::value(sentence));
  all["problems"] = std::move(problems);
  all["unsafe"] = std::move(unsafe);
  if (options.effective && loaded.value) {
    json::object effective;
    for (const auto& [name, from] : loaded.value->origins) effective[name] = as_json(from);
    all["effective"] = std::move(effective);
  }
  around.out << json::serialize(all) << std::endl;
}

}  // namespace

int command_check(const config::sources& from, const check_options& options, surroundings& around) {
  config::loaded loaded = config::load(from);
  if (loaded.value) {
    auto more = config::examine(*loaded.value);
    loaded.problems.insert(loaded.problems.end(), more.begin(), more.end());
  }
  const auto errors = static_cast<std::size_t>(
      std::count_if(loaded.problems.begin(), loaded.problems.end(), [](const config::problem& p) { return p.weight == severity::error; }));
  const std::size_t warnings = loaded.problems.size() - errors;
  if (options.json) {
    print_json(loaded, errors, options, around);
  } else {
    for (const config::problem& p : loaded.problems) complain(around, config::to_text(p));
    if (loaded.value)
      for (const std::string& sentence : config::unsafe_in_force(*loaded.value)) complain(around, "note: " + sentence);
    if (loaded.value && options.effective) around.out << config::effective(*loaded.value);
    if (errors == 0 && !options.effective) around.out << "the configuration is good" << (warnings ? ", with warnings" : "") << std::endl;
  }
  if (errors) return bad_request;
  return warnings && options.strict ? refused : ended_well;
}

}  // namespace sallyport::app
