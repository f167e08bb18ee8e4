// What the kernel tells of this process. Read when the page is asked for, on the asker's thread; a figure that cannot be had is left out.
#pragma once

#include <cstdint>
#include <optional>

namespace sallyport::telemetry {

struct process_figures {
  std::optional<double> cpu_seconds;  // user and system
  std::optional<std::uint64_t> resident_bytes, open_files, open_files_max;
};
process_figures figures_of_process();

}  // namespace sallyport::telemetry
