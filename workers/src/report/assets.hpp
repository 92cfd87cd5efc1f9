#pragma once

#include <string_view>

/// Files of this tree as text, put into the library when it is built; see CMakeLists.txt.
namespace ferry::report {

extern const std::string_view d3_js;
extern const std::string_view d3_licence;
extern const std::string_view plot_js;
extern const std::string_view plot_licence;
extern const std::string_view charts_js;
extern const std::string_view style_css;
extern const std::string_view prices_json;

}  // namespace ferry::report
