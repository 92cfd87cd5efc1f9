// Draws what `bench/run --json` wrote: one SVG for each of the plots in plot_script.hpp.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "figures.hpp"
#include "plot_script.hpp"

namespace {

void draw(const ferry::bench::Plot& plot, const std::filesystem::path& folder) {
  const std::string file = (folder / (plot.name + ".svg")).string();
  if (file.find('\'') != std::string::npos) throw std::runtime_error("a quote in " + file);
  std::unique_ptr<FILE, int (*)(FILE*)> gnuplot(popen("gnuplot", "w"), &pclose);
  if (gnuplot == nullptr) throw std::runtime_error("gnuplot does not start");
  const std::string script =
      "set terminal svg size 720,420 font 'sans-serif,13' background '#ffffff'\n"
      "set output '" +
      file + "'\n" + plot.script;
  const bool written = std::fputs(script.c_str(), gnuplot.get()) >= 0;
  if (pclose(gnuplot.release()) != 0 || !written) {
    throw std::runtime_error("gnuplot did not draw " + file);
  }
  std::puts(file.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  std::string json;
  std::string folder;
  CLI::App app{"Draws a file of `bench/run --json` as SVG"};
  app.add_option("json", json)->required();
  app.add_option("folder", folder, "where the pictures go")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    const auto plots = ferry::bench::plots_of(ferry::bench::read_json(json));
    if (plots.empty()) throw std::runtime_error(json + " holds nothing that is drawn");
    std::filesystem::create_directories(folder);
    for (const auto& plot : plots) draw(plot, folder);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench/plot: %s\n", e.what());
    return 1;
  }
}
