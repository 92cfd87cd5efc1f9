#pragma once

#include <string>
#include <vector>

#include "figures.hpp"

namespace ferry::bench {

/// A picture of some figures, before gnuplot has drawn it.
struct Plot {
  std::string name{};    ///< of the file, without its ending
  std::string script{};  ///< for gnuplot; says nothing of the terminal and the output
};

/// Returns: the plots for which there are figures, each with its data inside.
///
/// Source: gnuplot's here-documents, http://gnuplot.info/docs/loc8148.html
std::vector<Plot> plots_of(const std::vector<Figure>& figures);

}  // namespace ferry::bench
