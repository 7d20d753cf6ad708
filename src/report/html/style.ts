/** The page's one style sheet. No `style` attribute is used anywhere: the page allows this sheet by its digest and nothing else. */

/** Foregrounds have a contrast of at least 4.5:1 on the grounds that they stand on; a test reckons it. */
export const PALETTE = {
  light: {
    ground: "#f4f6f8",
    card: "#ffffff",
    text: "#1b2128",
    muted: "#56606b",
    line: "#d5dbe1",
    link: "#0a5bb8",
    ok: "#116b34",
    wait: "#855300",
    bad: "#b51d28",
    old: "#5f5aa2",
    new: "#00707a",
    okbg: "#e3f4e8",
    waitbg: "#fdf0d3",
    badbg: "#fde7e7",
    idle: "#e9edf1",
  },
  dark: {
    ground: "#0f1317",
    card: "#181d23",
    text: "#e7ebef",
    muted: "#9aa5b1",
    line: "#313a44",
    link: "#76b3ff",
    ok: "#5fce85",
    wait: "#e6b34d",
    bad: "#ff8a86",
    old: "#aaa4f2",
    new: "#4fc6cf",
    okbg: "#12301d",
    waitbg: "#36290c",
    badbg: "#411a1c",
    idle: "#232a32",
  },
} as const;

function variables(palette: Readonly<Record<string, string>>): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name}:${value}`)
    .join(";");
}

/** What stands between the `style` tags, to the letter. */
export const STYLE = `
:root{color-scheme:light dark;${variables(PALETTE.light)}}
@media (prefers-color-scheme:dark){:root{${variables(PALETTE.dark)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
h1,h2,h3,h4{line-height:1.25;margin:0;overflow-wrap:anywhere}
h1{font-size:1.05rem;font-weight:600;letter-spacing:.01em}
h2{font-size:1.35rem;margin:2.75rem 0 .9rem}
h3{font-size:1.2rem}
h4{font-size:.95rem;margin:1.6rem 0 .5rem}
h4 .small{font-weight:400;margin-left:.4em}
p{margin:.4rem 0;overflow-wrap:anywhere}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;font-size:.88em;overflow-wrap:anywhere}
bdi{overflow-wrap:anywhere}
.muted{color:var(--muted)}
.small{font-size:.86rem}
.nowrap{white-space:nowrap}
.skip{position:absolute;left:-100vw;background:var(--card);padding:.5rem 1rem}
.skip:focus{left:0}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.wrap{max-width:70rem;margin:0 auto;padding:0 1.25rem}
.top{background:var(--card);border-bottom:1px solid var(--line);padding:1.1rem 0 1.2rem}
.top .row{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;align-items:baseline;justify-content:space-between}
.verdict{font-size:1.7rem;font-weight:650;line-height:1.25;margin:.7rem 0 .35rem;display:flex;gap:.7rem;align-items:center}
.verdict svg{width:2rem;height:2rem}
.counts{display:flex;flex-wrap:wrap;gap:.4rem .6rem;margin:.6rem 0 0;padding:0;list-style:none}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.9rem 0 0;padding:0;list-style:none}
main{padding-bottom:3rem}
footer{border-top:1px solid var(--line);padding:1.2rem 0 2.5rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.25rem;margin:0 0 1rem}
.cert{border-top-width:4px;margin-bottom:1.6rem}
.cert.ok{border-top-color:var(--ok)}.cert.wait{border-top-color:var(--wait)}.cert.bad{border-top-color:var(--bad)}
.cert>header{display:flex;flex-wrap:wrap;gap:.4rem .9rem;align-items:center}
.banner{background:var(--badbg);border:1px solid var(--bad);border-radius:10px;padding:.9rem 1.25rem;margin:1.4rem 0 0}
.pill{display:inline-flex;align-items:center;gap:.4em;border-radius:99px;padding:.12em .75em .12em .55em;font-size:.86rem;font-weight:600;white-space:nowrap}
.pill.ok{background:var(--okbg);color:var(--ok)}.pill.wait{background:var(--waitbg);color:var(--wait)}.pill.bad{background:var(--badbg);color:var(--bad)}.pill.none{background:var(--idle);color:var(--text)}
.ico{display:inline-block;width:1.05em;height:1.05em;flex:none;vertical-align:-.16em}
.ok>.ico,.ico.ok,.t-ok{color:var(--ok)}.wait>.ico,.ico.wait,.t-wait{color:var(--wait)}.bad>.ico,.ico.bad,.t-bad{color:var(--bad)}.ico.none{color:var(--muted)}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:.92rem}
caption{text-align:left;padding:0 0 .45rem;color:var(--muted);font-size:.86rem;overflow-wrap:anywhere}
th,td{text-align:left;vertical-align:top;padding:.5rem .9rem .5rem 0;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--muted);font-weight:600;font-size:.8rem;padding-top:0}
tbody th{font-weight:600}
td:last-child,th:last-child{padding-right:0}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.1rem;margin:.9rem 0 0}
dl.facts dt{color:var(--muted)}
dl.facts dd{margin:0;min-width:0;overflow-wrap:anywhere}
.do{background:var(--badbg);border-radius:8px;padding:.6rem .9rem;margin:.9rem 0 0}
.reasons{list-style:none;margin:0;padding:0}
.reasons>li{overflow-wrap:anywhere;padding:.75rem 0;border-top:1px solid var(--line)}
.reasons>li:first-child{border-top:0;padding-top:0}
.reasons>li:last-child{padding-bottom:0}
.code{font-weight:600}
figure{margin:1.1rem 0 0}
h4+figure,.card>figure:first-child{margin-top:.2rem}
dl.facts+figure,.reasons+figure{margin-top:1.6rem}
figcaption{font-size:.86rem;color:var(--muted);margin-bottom:.3rem}
svg{display:block}
svg.wide{width:100%;overflow:visible}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;fill:var(--text)}
svg .quiet{fill:var(--muted)}
svg .lane{paint-order:stroke;stroke:var(--card);stroke-width:5px;stroke-linejoin:round}
svg .num{font-weight:700;font-size:11px;text-anchor:middle}
svg .end{text-anchor:end}svg .mid{text-anchor:middle}
.rail{stroke:var(--line);stroke-width:3}
.rail.past{stroke:var(--text)}
.rail.todo{stroke:var(--muted);stroke-width:2;stroke-dasharray:2 5;stroke-linecap:round}
.dot{stroke:var(--text);stroke-width:2;fill:var(--card)}
.dot.past{fill:var(--text)}
svg .num.past{fill:var(--card)}
.nowline{stroke:var(--bad);stroke-width:1.5}
svg .nowtext{fill:var(--bad);font-weight:700}
.bar-old{fill:var(--old)}.bar-new{fill:var(--new)}
.bar-idle{fill:var(--idle)}.bar-run{fill:var(--new)}
.bar-soon{fill-opacity:.45}
.bar-plan{fill-opacity:.16;stroke-width:1.5;stroke-dasharray:4 3}
.bar-plan.bar-soon{fill-opacity:.05}
.bar-plan.bar-old{stroke:var(--old)}.bar-plan.bar-new{stroke:var(--new)}
.tick{stroke:var(--line)}
.mark{fill:var(--card);stroke:var(--text);stroke-width:2}
.mark.step{fill:var(--new);stroke:var(--new)}.mark.renewal{fill:var(--card);stroke:var(--new)}.mark.date{fill:var(--wait);stroke:var(--wait)}.mark.last{fill:var(--bad);stroke:var(--bad)}
.key{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;list-style:none;margin:.7rem 0 .9rem;padding:0;font-size:.86rem;color:var(--muted)}
.key svg{display:inline-block;width:14px;height:14px;vertical-align:-2px;margin-right:.35em}
ol.steps{list-style:none;margin:.7rem 0 0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.55rem 1.25rem;font-size:.9rem}
ol.steps li{display:grid;grid-template-columns:1.7rem 1fr;gap:.1rem .5rem;align-items:start}
ol.steps .n{display:inline-grid;place-items:center;width:1.5rem;height:1.5rem;border-radius:50%;border:2px solid var(--text);font-size:.75rem;font-weight:700}
ol.steps .past .n{background:var(--text);color:var(--card)}
ol.steps .todo .n{border-style:dashed;border-color:var(--muted)}
ol.steps div{min-width:0}
.chain{list-style:none;margin:.8rem 0 0;padding:0}
.chain li{position:relative;padding:0 0 1rem 2.3rem;min-width:0;overflow-wrap:anywhere;font-size:.92rem}
.chain li::before{content:"";position:absolute;left:.72rem;top:1.5rem;bottom:-.1rem;width:3px;border-radius:2px;background:var(--line)}
.chain li.ok::before{background:var(--ok)}
.chain li.broken::before{background:none;border-left:3px dashed var(--bad);border-radius:0}
.chain li:last-child{padding-bottom:0}
.chain li:last-child::before{display:none}
.chain li>.ico{position:absolute;left:0;top:0;width:1.55rem;height:1.55rem}
.chain .zone{font-weight:600}
.chain .why{background:var(--badbg);border-radius:6px;padding:.4rem .7rem;margin-top:.35rem}
ul.stops{margin:.3rem 0 .8rem;padding-left:1.6rem;font-size:.9rem;overflow-wrap:anywhere}
details{margin:.8rem 0 0}
summary{cursor:pointer;font-weight:600;padding:.25rem 0;overflow-wrap:anywhere}
.tag{display:inline-block;border:1px solid var(--line);border-radius:5px;padding:0 .4em;font-size:.8rem;color:var(--muted);white-space:nowrap}
@media (max-width:600px){
.wrap{padding:0 .9rem}
.card{padding:.9rem .95rem}
.verdict{font-size:1.35rem}
h2{margin-top:2.1rem}
dl.facts{grid-template-columns:1fr;gap:0}
dl.facts dd{margin:0 0 .55rem}
ol.steps{grid-template-columns:1fr}
table.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table.stack,table.stack tbody,table.stack tr,table.stack th,table.stack td,table.stack caption{display:block;width:100%}
table.stack tr{border-top:1px solid var(--line);padding:.65rem 0}
table.stack tbody tr:first-child{border-top:0;padding-top:.2rem}
table.stack th,table.stack td{border:0;padding:.1rem 0;overflow-wrap:anywhere}
table.stack td{display:grid;grid-template-columns:6.8rem 1fr;gap:.6rem}
table.stack td>*{min-width:0}
table.stack td::before{content:attr(data-label);color:var(--muted);font-size:.86rem}
table.stack td.blank{display:none}
}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{body{background:#fff}.card{break-inside:avoid}nav,.skip{display:none}}
`;
