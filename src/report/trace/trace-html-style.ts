/** The page's style sheet: two palettes, one layout that folds on narrow screens. */
export const STYLE = String.raw`
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #16202c; --soft: #526070; --faint: #5f6a79; --line: #d9dfe6; --wire: #aab4c0;
  --accent: #1d5fd1; --accent-soft: #e6eefc; --good: #0b7a4b; --good-soft: #e3f5ec; --bad: #c4162a; --bad-soft: #fdeaec;
  --warn: #8a5a00; --warn-soft: #fdf2dc; --mark: #fff0b8; --mark-ink: #4a3600; --tunnel: #7b3fc4;
  --ethernet: #566579; --arp: #566579; --ip: #1d5fd1; --tcp: #0b6c75; --udp: #0b6c75; --icmp: #0b7a4b; --encapsulation: #7b3fc4; --payload: #b3bcc7;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "Roboto Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f141b; --card: #171e27; --ink: #e6ebf1; --soft: #a3b0bf; --faint: #8b97a6; --line: #2a3441; --wire: #4a5768;
    --accent: #7fb0ff; --accent-soft: #1b2b45; --good: #5fd39a; --good-soft: #12301f; --bad: #ff7b86; --bad-soft: #3a161b;
    --warn: #f0bf61; --warn-soft: #35280f; --mark: #4c3d0c; --mark-ink: #ffe9a8; --tunnel: #c59bff;
    --ethernet: #93a1b3; --arp: #93a1b3; --ip: #7fb0ff; --tcp: #58c8d2; --udp: #58c8d2; --icmp: #5fd39a; --encapsulation: #c59bff; --payload: #5d6a79;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 var(--sans); -webkit-text-size-adjust: 100%; }
main { max-width: 1440px; margin: 0 auto; padding: 28px 28px 56px; }
h1 { font-size: 26px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; margin: 0; overflow-wrap: anywhere; }
h1 .arrow { color: var(--faint); font-weight: 400; padding: 0 0.12em; }
h2 { font-size: 13px; font-weight: 600; color: var(--soft); margin: 0 0 12px; }
code, .mono { font-family: var(--mono); font-size: 0.9em; font-variant-ligatures: none; }
.meta { color: var(--soft); margin: 6px 0 0; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; min-width: 0; }
.verdict { margin: 20px 0 16px; border-left: 4px solid var(--tone); background: var(--tone-soft); border-radius: 4px 10px 10px 4px; padding: 14px 18px; }
.verdict.delivered { --tone: var(--good); --tone-soft: var(--good-soft); }
.verdict.dropped, .verdict.rejected { --tone: var(--bad); --tone-soft: var(--bad-soft); }
.verdict.unanswered { --tone: var(--warn); --tone-soft: var(--warn-soft); }
.verdict strong { color: var(--tone); font-size: 18px; font-weight: 650; }
.verdict p { margin: 4px 0 0; overflow-wrap: anywhere; }
.verdict dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 16px; margin: 12px 0 0; }
.verdict dt { color: var(--soft); } .verdict dd { margin: 0; overflow-wrap: anywhere; }
.player-card { padding: 0; } html:not(.ready) .player-card, html:not(.ready) .now-at { display: none; }
.stage { padding: 8px 8px 0; overflow-x: auto; }
.stage svg { display: block; margin: 0 auto; }
.box { fill: var(--card); stroke: var(--wire); stroke-width: 1.25; } .box.switch { stroke-dasharray: 5 4; }
.node.never .box { stroke: var(--line); } .node.here .box { stroke: var(--accent); stroke-width: 2; }
.node.dropped .box { stroke: var(--bad); stroke-width: 2.5; fill: var(--bad-soft); }
svg text { fill: var(--ink); font: 600 13px var(--sans); } svg text.facts, svg text.port { font: 11px var(--mono); fill: var(--soft); }
svg text.kind { font: 11px var(--sans); fill: var(--faint); }
svg .never text, svg text.never { fill: var(--faint); }
svg text.port.here { fill: var(--ink); font-weight: 700; }
.wire { stroke: var(--wire); stroke-width: 2; fill: none; } .wire.never { stroke-dasharray: 3 5; }
.trail { stroke: var(--accent); stroke-width: 3; fill: none; stroke-linejoin: round; stroke-linecap: round; }
.dot { fill: var(--card); stroke: var(--wire); stroke-width: 2; } .dot.never { stroke-dasharray: 2 2; } .dot.passed { stroke: var(--accent); fill: var(--accent); }
.tunnel { fill: none; stroke: var(--tunnel); stroke-width: 1.5; stroke-dasharray: 6 4; } .tunnel.in { stroke-width: 3; stroke-dasharray: none; }
svg text.tunnel-label { fill: var(--tunnel); font: 600 11.5px var(--sans); } .plate { fill: var(--card); }
.token { transition: transform 420ms cubic-bezier(0.35, 0, 0.25, 1); } .token .back { fill: var(--card); stroke: var(--ink); stroke-width: 1.5; }
.token.dropped .back { stroke: var(--bad); fill: var(--bad); } .cross { stroke: var(--bad); stroke-width: 4; stroke-linecap: round; } .cross-back { fill: var(--card); stroke: var(--bad); stroke-width: 2; }
.token.dropped .cross { stroke: #fff; } @media (prefers-color-scheme: dark) { .token.dropped .cross { stroke: #1c0508; } }
.player { display: flex; align-items: center; gap: 8px; padding: 12px 12px 14px; flex-wrap: wrap; }
button { font: inherit; color: inherit; }
.player button { min-width: 40px; height: 40px; border: 1px solid var(--line); border-radius: 8px; background: var(--card); cursor: pointer; padding: 0 10px; display: inline-grid; place-items: center; }
.player button:hover { border-color: var(--wire); background: var(--page); }
.player button.play { background: var(--accent); border-color: var(--accent); color: var(--card); min-width: 52px; }
.player svg { width: 16px; height: 16px; fill: currentColor; display: block; }
.scrub { flex: 1 1 260px; min-width: 0; position: relative; padding: 0 4px; }
.scrub input { -webkit-appearance: none; appearance: none; width: 100%; margin: 0; height: 28px; cursor: pointer; display: block; background: linear-gradient(var(--accent), var(--accent)) 0 50% / var(--done, 0) 4px no-repeat, linear-gradient(var(--line), var(--line)) 0 50% / 100% 4px no-repeat; }
.scrub input::-webkit-slider-thumb { -webkit-appearance: none; width: 18px; height: 18px; border-radius: 50%; border: 3px solid var(--card); background: var(--accent); box-shadow: 0 0 0 1.5px var(--accent); }
.scrub input::-moz-range-thumb { width: 12px; height: 12px; border-radius: 50%; border: 3px solid var(--card); background: var(--accent); box-shadow: 0 0 0 1.5px var(--accent); }
.scrub input::-moz-range-track { background: none; }
.legs { display: flex; font-size: 12px; color: var(--soft); padding: 0 8px; gap: 3px; }
.legs span { flex-basis: 0; border-top: 2px solid var(--line); padding-top: 2px; overflow: hidden; white-space: nowrap; text-overflow: clip; min-width: 0; } .legs span.now { border-color: var(--accent); color: var(--ink); } .legs span.bad { border-color: var(--bad); }
.where { flex: 0 0 auto; min-width: 118px; text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
.now-at { display: grid; grid-template-columns: minmax(0, 7fr) minmax(0, 5fr); gap: 16px; margin: 16px 0; }
.now-at h2 { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 12px; align-items: baseline; }
.now-at h2 b { color: var(--ink); font-size: 15px; font-weight: 650; } .now-at h2 span { font-weight: 400; font-variant-numeric: tabular-nums; }
.stack { display: flex; flex-direction: column; justify-content: flex-end; gap: 3px; }
.layer { display: grid; grid-template-columns: 84px minmax(0, 1fr) auto; gap: 12px; align-items: baseline; padding: 6px 12px 6px 14px; border: 1px solid var(--line); border-left: 5px solid var(--tone); border-radius: 6px; background: var(--card); }
.layer.wrap { background: color-mix(in srgb, var(--tunnel) 7%, var(--card)); }
.layer.added { border-color: var(--tone); animation: appear 300ms ease-out; }
.layer b { font-weight: 600; font-size: 14px; } .layer .bytes { color: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; }
.layer .fields { display: flex; flex-wrap: wrap; gap: 1px 14px; overflow-wrap: anywhere; } .layer .fields i { font-style: normal; color: var(--soft); font-size: 13px; }
.layer mark { background: var(--mark); color: var(--mark-ink); border-radius: 3px; padding: 0 3px; }
.tag { font-size: 11px; font-weight: 600; color: var(--tone); white-space: nowrap; }
.stack .gone { color: var(--soft); font-size: 13px; padding: 2px 0 4px; } .stack .gone s { color: var(--faint); }
@keyframes appear { from { opacity: 0.25; } }
.ethernet { --tone: var(--ethernet); } .arp { --tone: var(--arp); } .ipv4, .ipv6 { --tone: var(--ip); } .tcp { --tone: var(--tcp); } .udp { --tone: var(--udp); } .icmp, .icmpv6 { --tone: var(--icmp); } .encapsulation { --tone: var(--encapsulation); } .payload { --tone: var(--payload); }
.token rect.part { fill: var(--tone); }
.decisions { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px; }
.decisions li { display: grid; grid-template-columns: 82px minmax(0, 1fr); gap: 2px 12px; } .decisions .what { font-weight: 600; font-size: 13px; }
.decisions code { overflow-wrap: anywhere; } .decisions small, .hint { grid-column: 2; color: var(--soft); font-size: 12.5px; overflow-wrap: anywhere; }
.dropped-here { border: 2px solid var(--bad); background: var(--bad-soft); } .dropped-here h2 b { color: var(--bad); }
.dropped-here p { margin: 0 0 8px; overflow-wrap: anywhere; }
.hops { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; } .hops th { text-align: left; font-size: 12px; font-weight: 600; color: var(--soft); padding: 0 10px 6px; }
.hops td { border-top: 1px solid var(--line); padding: 3px 10px; vertical-align: baseline; overflow-wrap: anywhere; } .hops td:nth-child(2) { white-space: nowrap; width: 1%; } .hops td.node { width: 1%; }
.hops .same { color: var(--soft); }
.hops button { border: 0; background: none; padding: 4px 6px; margin: 0 -6px; text-align: left; cursor: pointer; border-radius: 4px; } .hops button:hover { text-decoration: underline; }
.hops tr[aria-current] td { background: var(--accent-soft); } .hops tr.never { color: var(--faint); } .hops tr.bad td { background: var(--bad-soft); color: var(--bad); font-weight: 600; }
.hops .time { text-align: right; color: var(--soft); white-space: nowrap; } .hops .node { font-weight: 600; white-space: nowrap; } .hops code { color: inherit; }
.hops caption { text-align: left; font-size: 13px; font-weight: 600; color: var(--soft); padding: 0 0 10px; }
.more { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 16px; margin-top: 16px; } .more ul { margin: 0; padding-left: 18px; overflow-wrap: anywhere; }
.keys { color: var(--soft); font-size: 13px; margin: 18px 2px 0; } kbd { font: 12px var(--mono); border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 1px 5px; background: var(--card); color: var(--ink); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 860px) {
  html { scroll-padding: 70px 0 210px; } main { padding: 18px 14px 40px; } .now-at { grid-template-columns: minmax(0, 1fr); } .card { padding: 14px; } .player-card { padding: 0; } html:not(.ready) .player-card, html:not(.ready) .now-at { display: none; }
.stage { padding: 4px 0 0; }
  .layer { grid-template-columns: 68px minmax(0, 1fr); } .layer .bytes { display: none; } .where { text-align: left; }
  .player { position: sticky; bottom: 0; background: var(--card); border-top: 1px solid var(--line); } .stack { min-height: 0 !important; }
  .hops thead, .hops .time, .hops td.node:empty { display: none; } .hops, .hops tbody, .hops caption { display: block; }
  .hops tr { display: block; border-top: 1px solid var(--line); padding: 4px 0; } .hops td { display: block; border: 0; padding: 0 6px; width: auto !important; } .hops td.node { padding-top: 6px; }
  .hops tr[aria-current] { background: var(--accent-soft); } .hops tr.bad { background: var(--bad-soft); }
  .verdict dl { grid-template-columns: minmax(0, 1fr); gap: 0; } .verdict dd { margin-bottom: 6px; }
}
@media (prefers-reduced-motion: reduce) { .token { transition: none; } .layer { animation: none; } }
@media print { .player, .keys { display: none; } }
`
