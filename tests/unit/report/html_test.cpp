#include "report/html.hpp"

#include <gmock/gmock.h>

#include "report/html_report.hpp"

namespace ferry::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(EscapedTest, LetsNoTextBecomeMarkup) {
  EXPECT_EQ(escaped("<b a='1' c=\"2\">&</b>"),
            "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;&lt;/b&gt;");
  EXPECT_EQ(escaped("1.2 µs – 3"), "1.2 µs – 3");
  EXPECT_EQ(escaped(std::string_view("a\0b\x1b[31m\x7f", 9)), "a?b?[31m?");
  EXPECT_EQ(escaped("\xff\xc3"), "??");
  EXPECT_EQ(escaped("\xed"), "?");
}

TEST(ForScriptTest, CannotEndItsElement) {
  EXPECT_EQ(for_script(R"({"a":"</script><!--&"})"),
            R"({"a":"\u003c/script\u003e\u003c!--\u0026"})");
}

TEST(Base64Test, KnowsTheExamplesOfTheRfc) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(HtmlReportTest, EscapesWhatComesFromOutside) {
  const std::string evil = "</script><img src=x onerror=alert(1)>";
  compare::OpenComparison comparison{};
  comparison.name = comparison.story = comparison.machine.cpu = comparison.redis = evil;
  comparison.prices.currency = comparison.prices.source = comparison.prices.date = evil;
  comparison.settings = {{"folder", evil}};
  comparison.policies = {evil};
  compare::OpenRun run;
  run.policy = evil;
  run.rate = 10;
  run.seconds = run.done = run.offered = 1;
  run.steady = true;
  run.left_for = {{evil, 1}};
  comparison.runs = {run};
  comparison.conclude();
  const std::string html = html_of(comparison);
  EXPECT_THAT(html, Not(HasSubstr("<img src=x")));
  EXPECT_THAT(html, HasSubstr("&lt;img src=x"));
}

}  // namespace
}  // namespace ferry::report
