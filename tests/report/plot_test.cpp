#include <gtest/gtest.h>

#include <cmath>

#include "trainer/report/plot/area_plot.hpp"
#include "trainer/report/plot/bar_plot.hpp"
#include "trainer/report/plot/curve_plot.hpp"
#include "trainer/report/plot/dot_plot.hpp"
#include "trainer/report/plot/heat_map.hpp"
#include "trainer/report/plot/line_plot.hpp"
#include "trainer/report/plot/parallel_plot.hpp"
#include "trainer/report/plot/scale.hpp"

namespace bsft::plot {
namespace {

bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

TEST(Scale, TicksAreRoundAndCoverTheRange) {
  for (Range const range : {Range{0, 1}, Range{-3, 17}, Range{1e-9, 3e-9}, Range{1e12, 5e12}, Range{0.123, 0.1234}}) {
    Range const wide = range.widened(5);
    EXPECT_LE(wide.low, range.low + 1e-12 * std::abs(range.low));
    EXPECT_GE(wide.high, range.high - 1e-12 * std::abs(range.high));
    std::vector<double> const at = ticks(wide, 5);
    EXPECT_GE(at.size(), 3U) << range.low;
    EXPECT_LE(at.size(), 9U) << range.low;
    EXPECT_NEAR(at.front(), wide.low, 1e-6 * (wide.high - wide.low));
    EXPECT_NEAR(at.back(), wide.high, 1e-6 * (wide.high - wide.low));
  }
  EXPECT_EQ(ticks({0, 1}, 5), (std::vector<double>{0, 0.2, 2 * 0.2, 3 * 0.2, 4 * 0.2, 1}));
}

TEST(Scale, OneValueAndNoValueHaveARange) {
  for (double const value : {0.0, 5.0, -1e300, 1e289, 5e-324}) {
    Range range;
    range.take(value);
    range.take(NAN);
    range.take(INFINITY);
    Range const wide = range.widened(4);
    EXPECT_LT(wide.low, wide.high) << value;
    EXPECT_LE(ticks(wide, 4).size(), 12U) << value;
  }
}

TEST(Scale, NumbersAreShort) {
  EXPECT_EQ(short_number(0.25), "0.25");
  EXPECT_EQ(short_number(12000), "12k");
  EXPECT_EQ(short_number(3500000), "3.5M");
  EXPECT_EQ(short_number(0.00003), "3e-5");
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(0.12345, 3), "0.123");
}

TEST(Scale, SmoothingIsTheMeanAroundAPoint) {
  Points const line{{1, 9}, {2, 3}, {3, 6}, {4, 0}, {5, 3}};
  EXPECT_EQ(smoothed(line, 3), (Points{{1, 9}, {2, 6}, {3, 3}, {4, 3}, {5, 1.5}}));
}

TEST(LinePlot, ThinsButKeepsSpikesAndLeavesOutWhatIsNotFinite) {
  Line line{"loss", {}};
  for (int i = 0; i < 50000; ++i) line.points.emplace_back(i, i == 777 ? 100.0 : 1.0);
  line.points.emplace_back(50000, NAN);
  std::string const svg = draw(LinePlot{.title = "loss", .note = "", .x_name = "step", .y_name = "", .lines = {line}});
  EXPECT_LT(svg.size(), 20000U);
  EXPECT_TRUE(has(svg, ",26 ")) << "the spike is the top of the picture";
  EXPECT_FALSE(has(svg, "nan"));
  EXPECT_EQ(draw(LinePlot{.title = "none", .note = "", .x_name = "", .y_name = "", .lines = {{"empty", {}}}}), "");
}

TEST(LinePlot, MarksStandAtTheirSteps) {
  LinePlot plot{.title = "t", .note = "", .x_name = "step", .y_name = "", .lines = {{"a", {{0, 1}, {10, 2}}}}};
  plot.marks = {{5, "restart", "restart <1>"}, {99, "restart", "outside"}};
  std::string const svg = draw(plot);
  EXPECT_TRUE(has(svg, "x1=\"200\" y1=\"26\" x2=\"200\"")) << svg;
  EXPECT_TRUE(has(svg, "restart &lt;1&gt;"));
  EXPECT_FALSE(has(svg, "outside"));
}

TEST(DotPlot, DrawsDotWhiskerAndReference) {
  DotPlot plot{"t", "", "macro-F1", {"before", "after"}, {"most frequent"}, {}};
  plot.rows = {{"dose <check>", {{0.2}, {0.5, std::pair{0.25, 0.75}}}, {0.3}}, {"empty", {{}, {}}, {std::nullopt}}};
  std::string const svg = draw(plot);
  EXPECT_TRUE(has(svg, "dose &lt;check&gt;"));
  EXPECT_TRUE(has(svg, "M95,37.5H265")) << svg;  // a quarter and three quarters of 10 to 350
  EXPECT_TRUE(has(svg, "cx=\"180\""));
  EXPECT_TRUE(has(svg, "after: 0.500 (95 % interval 0.250 to 0.750)"));
  EXPECT_TRUE(has(svg, "most frequent: 0.300"));
}

TEST(HeatMap, DarknessFollowsTheValue) {
  HeatMap map{"t", "", "gold", "token", {"a", "b"}, {"self", "none"}, {{0.05, 1.0}, {0.55, std::nullopt}}};
  std::string const svg = draw(map);
  for (char const* cell : {"cell h0", "cell h9", "cell h5", "cell none"}) EXPECT_TRUE(has(svg, cell)) << cell;
  EXPECT_TRUE(has(svg, ">0.55</text>"));
}

TEST(AreaPlot, LayersStandOnEachOther) {
  AreaPlot plot{"t", "", "step", "seconds", {"data", "forward"}, {1, 2}, {{1, 1}, {3, NAN}}};
  std::string const svg = draw(plot);
  EXPECT_TRUE(has(svg, "data 40 %"));
  EXPECT_TRUE(has(svg, "forward 60 %"));
  plot.values = {{0, 0}, {0, 0}};
  EXPECT_EQ(draw(plot), "");
}

TEST(CurvePlot, TheMarkedPointHasItsName) {
  CurvePlot plot{"t", "", "x", "y", "curve", {{0, 1, 0, "first"}, {1, 0, 0, "last"}}};
  plot.marked = CurvePoint{0.5, 0.5, 0, "here"};
  plot.marked_name = "operating point";
  std::string const svg = draw(plot);
  EXPECT_TRUE(has(svg, ">operating point</text>"));
  EXPECT_TRUE(has(svg, "M46,20 386,260")) << svg;
}

TEST(LinePlot, OthersAreGreyAndCountForTheRange) {
  LinePlot plot{.title = "t", .note = "", .x_name = "step", .y_name = "m", .lines = {{"one", {{1, 1}, {2, 2}}}}};
  plot.others = {{{1, 1}, {2, 900}}, {}};
  std::string const svg = draw(plot);
  EXPECT_TRUE(has(svg, "class=\"raw c7\""));
  EXPECT_TRUE(has(svg, ">1k<") || has(svg, ">900<") || has(svg, ">800<")) << svg;
}

TEST(ParallelPlot, ALineAnArmTheBestDarkestAndLast) {
  ParallelPlot const plot{"t",
                          "",
                          {"rate", "kind"},
                          "dev",
                          {{"good", {"1e-2", "a"}, 0.9},
                           {"bad", {"1e-4", "b"}, 0.1},
                           {"lost", {"1e-3", "b"}, NAN},
                           {"half", {"1e-3", "a"}, 0.5}}};
  std::string const svg = draw(plot);
  std::size_t const bad = svg.find("<title>bad"), half = svg.find("<title>half"), good = svg.find("<title>good");
  EXPECT_LT(bad, half);
  EXPECT_LT(half, good);
  EXPECT_NE(good, std::string::npos);
  EXPECT_FALSE(has(svg, "lost"));
  // Two decades: by logarithms, so 1e-3 stands in the middle; words have a place each.
  EXPECT_TRUE(has(svg, "d=\"M24,190 192,190 360,190\" class=\"strand h3\"")) << svg;
  EXPECT_TRUE(has(svg, "d=\"M24,110 192,30 360,110\" class=\"strand h6\"")) << svg;
  EXPECT_TRUE(has(svg, "d=\"M24,30 192,30 360,30\" class=\"strand h9\"")) << svg;
}

TEST(ParallelPlot, EqualScoresAndNothing) {
  EXPECT_EQ(draw(ParallelPlot{"t", "", {"a"}, "dev", {}}), "");
  ParallelPlot const plot{"t", "", {"<b>"}, "dev", {{"x", {"<i>"}, 0.5}, {"y", {"2"}, 0.5}}};
  std::string const svg = draw(plot);
  EXPECT_FALSE(has(svg, "nan"));
  EXPECT_FALSE(has(svg, "<i>"));
  EXPECT_TRUE(has(svg, "&lt;b&gt;"));
}

TEST(BarPlot, PartsStandBehindEachOtherAndTheirSumAtTheEnd) {
  BarPlot plot{"memory", "", "MiB", {"kept", "unused", "weights"}, {}, 0};
  plot.rows = {{"planned", {100, 0, 300}}, {"measured", {0, -5, NAN}}};
  std::string const svg = draw(plot);
  // 400 on a scale to 400, from 63.2, where the longest name ends, to 350
  EXPECT_TRUE(
      has(svg, "<rect x=\"63.2\" y=\"5.5\" width=\"71.7\" height=\"11\" class=\"bar\"><title>planned\nkept: 100"))
      << svg;
  EXPECT_TRUE(has(svg, "<rect x=\"134.9\" y=\"5.5\" width=\"215.1\" height=\"11\" class=\"area c2\">")) << svg;
  EXPECT_TRUE(has(svg, ">400</text>") && has(svg, ">0</text>")) << svg;
  EXPECT_FALSE(has(svg, "unused"));
  plot.rows.erase(plot.rows.begin());
  EXPECT_EQ(draw(plot), "") << "nothing to draw";
}

}  // namespace
}  // namespace bsft::plot
