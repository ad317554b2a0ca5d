#include "trainer/report/page/style.hpp"

namespace bsft::page {

std::string_view const page_style = R"(<style>
:root { color-scheme: light dark;
  --paper: #fbfaf8; --card: #fff; --ink: #1f2530; --soft: #5d6675; --rule: #dfe1e6; --grid: #e8eaee; --code: #f1f0ed;
  --good: #1d7a52; --bad: #b3382c; --badwash: #fbeeec; --heat: 24, 82, 148; --on: #fff;
  --0: #8a94a3; --1: #2162a8; --2: #c25a1e; --3: #1f8463; --4: #7a55ad; --5: #8f680c; --6: #137f8f; --7: #b04575; --8: #6f6253; }
@media screen and (prefers-color-scheme: dark) { :root {
  --paper: #14171c; --card: #1a1e25; --ink: #e3e6eb; --soft: #9aa4b2; --rule: #313843; --grid: #2a303a; --code: #20252d;
  --good: #69c79c; --bad: #f08a7e; --badwash: #33201f; --heat: 104, 168, 235; --on: #0e1116;
  --0: #8b96a6; --1: #74aee9; --2: #ee9560; --3: #62c29d; --4: #b798e4; --5: #d9b457; --6: #5fc3d0; --7: #e585ae; --8: #c9b8a4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 2.2rem clamp(1rem, 3vw, 2.5rem) 4rem; }
h1, h2, h3, h4 { line-height: 1.25; text-wrap: balance; letter-spacing: -.012em; overflow-wrap: anywhere; }
h1 { font-size: 1.05rem; font-weight: 600; color: var(--soft); margin: 0; letter-spacing: 0; }
h2 { font-size: clamp(1.6rem, 4vw, 2.2rem); font-weight: 700; margin: .2rem 0 0; }
h3 { font-size: 1.3rem; margin: 0 0 .2rem; } h4 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
section { margin-top: 2.6rem; padding-top: 1.5rem; border-top: 1px solid var(--rule); }
h2 + section { margin-top: 1.2rem; }
p { max-width: 46rem; margin: .3rem 0 .8rem; overflow-wrap: anywhere; } .lead, .note { color: var(--soft); }
.note { font-size: .9rem; }
.verdict { font-size: 1.12rem; line-height: 1.5; }
.alarms { list-style: none; max-width: 46rem; margin: 1rem 0; padding: .7rem 1rem; background: var(--badwash);
  border-left: 3px solid var(--bad); border-radius: 0 6px 6px 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: .7rem .9rem; }
.tile span, .tile small { display: block; color: var(--soft); font-size: .82rem; line-height: 1.35; overflow-wrap: anywhere; }
.tile b { display: block; font-size: 1.75rem; line-height: 1.3; font-variant-numeric: tabular-nums; letter-spacing: -.02em; }
.scroll { overflow-x: auto; max-width: 100%; margin: .8rem 0 1.2rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; white-space: nowrap; max-width: 28rem; overflow: hidden; text-overflow: ellipsis; }
th { font-weight: 600; color: var(--soft); font-size: .82rem; } .number { text-align: right; }
thead { border-bottom: 1.5px solid var(--soft); } tbody tr { border-bottom: 1px solid var(--grid); }
tbody + tbody { border-top: 1.5px solid var(--rule); } tbody tr:hover { background: var(--code); }
details { margin: .5rem 0; } summary { cursor: pointer; color: var(--soft); overflow-wrap: anywhere; } summary:hover { color: var(--ink); }
pre { overflow-x: auto; background: var(--code); border-radius: 6px; padding: .8rem 1rem; font: .82rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.command { white-space: pre-wrap; overflow-wrap: anywhere; }
.events { padding-left: 1.2rem; font-size: .9rem; overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21.5rem), 1fr)); gap: 1.8rem 2rem; margin: 1.2rem 0; align-items: start; }
figure { margin: 0; max-width: 30rem; min-width: 0; break-inside: avoid; }
figcaption { margin-bottom: .35rem; } figcaption b { display: block; font-weight: 600; overflow-wrap: anywhere; }
figcaption span { display: block; color: var(--soft); font-size: .82rem; line-height: 1.4; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: .35rem 0 .3rem; font-size: .8rem; line-height: 1.5; color: var(--soft); }
.legend span::before { content: ""; display: inline-block; width: .8em; height: .25em; border-radius: 2px; margin-right: .4em; vertical-align: .22em; background: var(--c); }
.legend .round::before { width: .65em; height: .65em; border-radius: 50%; vertical-align: -.02em; }
.legend .upright::before { width: .2em; height: .9em; vertical-align: -.12em; background: var(--ink); } .legend .second::before { background: var(--7); }
.legend .dashed::before { background: repeating-linear-gradient(90deg, var(--soft) 0 .2em, transparent .2em .3em); }
.legend .grey::before { height: .7em; vertical-align: -.05em; background: var(--grid); border: 1px solid var(--soft); border-radius: 0; }
.legend .flagkey::before { width: 0; height: 0; background: none; border: .32em solid transparent; border-top: .5em solid var(--c); border-bottom: 0; border-radius: 0; vertical-align: .1em; }
svg { display: block; width: 100%; height: auto; overflow: visible; font-size: 12px; font-variant-numeric: tabular-nums; }
svg text { fill: var(--soft); } svg .unit { font-size: 11.5px; } svg .name, svg .over { fill: var(--ink); }
svg .alarm { fill: var(--bad); } svg .on { fill: var(--on); } svg .t { fill: var(--c); font-weight: 600; } svg .small { font-size: 11px; }
svg .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
.c0 { --c: var(--1); } .c1 { --c: var(--2); } .c2 { --c: var(--3); } .c3 { --c: var(--4); }
.c4 { --c: var(--5); } .c5 { --c: var(--6); } .c6 { --c: var(--7); } .c7 { --c: var(--8); }
.grid { stroke: var(--grid); } .axis { stroke: var(--soft); } .diagonal { stroke: var(--soft); stroke-dasharray: 3 4; }
.line { fill: none; stroke: var(--c); stroke-width: 1.9; stroke-linejoin: round; stroke-linecap: round; }
.raw { fill: none; stroke: var(--c); stroke-width: .8; opacity: .3; } .band { fill: var(--c); opacity: .14; }
.dot { fill: var(--c); } .ring { fill: none; stroke: var(--c); stroke-width: 2.4; }
.whisker { fill: none; stroke: var(--c); stroke-width: 2.2; stroke-linecap: round; opacity: .6; }
.area { fill: var(--c); opacity: .82; } .bar { fill: var(--grid); stroke: var(--soft); stroke-width: .6; }
.reference { fill: var(--ink); opacity: .75; } .reference.second { fill: var(--7); opacity: 1; }
.hit { fill: var(--ink); opacity: 0; } .hit:hover { opacity: .08; }
.mark { stroke: var(--c); stroke-width: 1; stroke-dasharray: 2 3; } .flag { fill: var(--c); }
.best { --c: var(--3); } .resumed { --c: var(--4); } .restart { --c: var(--2); } .straggler { --c: var(--5); } .not_finite { --c: var(--bad); }
.cell { fill: rgb(var(--heat)); } .cell.none { fill: var(--grid); }
.strand { fill: none; stroke: rgb(var(--heat)); stroke-width: 1.6; } .strand:hover { stroke-width: 4; }
.h0 { opacity: .05; } .h1 { opacity: .11; } .h2 { opacity: .17; } .h3 { opacity: .24; } .h4 { opacity: .32; }
.h5 { opacity: .41; } .h6 { opacity: .8; } .h7 { opacity: .87; } .h8 { opacity: .94; } .h9 { opacity: 1; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; margin: .6rem 0 1.2rem; }
.twin { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: .8rem 1rem; min-width: 0; font-size: .9rem; }
.right { color: var(--good); } .wrong { color: var(--bad); }
blockquote { margin: .4rem 0; padding: .1rem 0 .1rem .8rem; border-left: 3px solid var(--rule); white-space: pre-wrap; overflow-wrap: anywhere; }
blockquote.response { border-color: var(--3); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .9rem; margin: .6rem 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.run > summary { font-size: 1.3rem; font-weight: 700; color: var(--ink); margin-top: 1.6rem; }
@media (max-width: 40rem) { table { font-size: .8rem; } th { font-size: .76rem; } th, td { padding-right: .5rem; } }
@media print { :root { color-scheme: light; --paper: #fff; --card: #fff; }
  body { font-size: 10pt; } table { font-size: 8.5pt; } th { font-size: 8pt; } main { max-width: none; padding: 0; } .plots { grid-template-columns: 1fr 1fr; }
  section { margin-top: 1.2rem; padding-top: .8rem; } h3, h4, figcaption { break-after: avoid; } tr, .tile, .twin { break-inside: avoid; }
  pre, .cell, .area, .bar, .dot { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; }
  .scroll, pre { overflow: visible; } pre { white-space: pre-wrap; } th, td { white-space: normal; } }
</style>
)";

}  // namespace bsft::page
