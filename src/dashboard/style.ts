/** The look: one small stylesheet and the mark, as text, so that they are there on every runtime. */

export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#0f6b5c"/><path d="M4.5 8.2 8 16.5l4-7 4 7 3.5-8.3" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/></svg>`

export const style = `
:root {
  color-scheme: light dark;
  --paper: #f5f6f8; --card: #fff; --ink: #1a2230; --soft: #5a6575; --line: #e0e4ea; --hover: #f2f6f6;
  --accent: #0b6456; --on-accent: #fff;
  --good: #0d6436; --good-bg: #e0f4e7; --wait: #1f4fa3; --wait-bg: #e5edfb; --look: #7a4a00; --look-bg: #fcefd2;
  --bad: #9c1c22; --bad-bg: #fde6e6; --over: #4c5666; --over-bg: #e9ecf1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #10141a; --card: #171d25; --ink: #e6eaf0; --soft: #9ba6b5; --line: #29323d; --hover: #1d2630;
    --accent: #62cdb9; --on-accent: #06231e;
    --good: #7ddca3; --good-bg: #143524; --wait: #9dc0ff; --wait-bg: #1a2c4c; --look: #f3c775; --look-bg: #3b2c0c;
    --bad: #ff9f9f; --bad-bg: #431c20; --over: #b4bdc9; --over-bg: #28303b;
  }
}
* { box-sizing: border-box; }
html { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; }
body { margin: 0; overflow-wrap: anywhere; }
.wide { max-width: 74rem; margin: 0 auto; padding: 0 1.25rem; }
main.wide { padding-top: 1.75rem; padding-bottom: 4rem; outline: none; }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
h1 { font-size: 1.45rem; line-height: 1.25; font-weight: 650; letter-spacing: -.01em; margin: 0; }
h2 { font-size: 1.02rem; font-weight: 650; margin: 2rem 0 .6rem; }
code, pre { font: .88em/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.soft, .none { color: var(--soft); }
.small { font-size: .87em; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 1rem; top: -4rem; background: var(--card); padding: .5rem .9rem; border-radius: 0 0 6px 6px; z-index: 2; }
.skip:focus { top: 0; }
.liar { font: .8em/1 ui-monospace, monospace; color: var(--bad); background: var(--bad-bg); border-radius: 3px; padding: 0 .25em; margin: 0 .2em; white-space: nowrap; }

.masthead { background: var(--card); border-bottom: 1px solid var(--line); }
.masthead .wide { display: flex; align-items: center; gap: 0 1.75rem; flex-wrap: wrap; min-height: 3.4rem; }
.mark { display: inline-flex; align-items: center; gap: .55rem; font-weight: 680; font-size: 1.05rem; color: var(--ink); text-decoration: none; letter-spacing: -.01em; }
.masthead nav { display: flex; gap: .25rem; align-self: stretch; }
.masthead nav a { display: flex; align-items: center; padding: 0 .7rem; color: var(--soft); text-decoration: none; border-bottom: 2px solid transparent; border-top: 2px solid transparent; }
.masthead nav a:hover { color: var(--ink); }
.masthead nav a[aria-current] { color: var(--ink); font-weight: 600; border-bottom-color: var(--accent); }
.leave { margin-left: auto; display: flex; align-items: center; gap: .75rem; }

.head { display: flex; align-items: center; gap: .5rem 1rem; flex-wrap: wrap; margin-bottom: 1rem; }
.live { margin-left: auto; display: flex; align-items: center; gap: .4rem; color: var(--soft); font-size: .9rem; }
.live[hidden] { display: none; }
input[type=checkbox] { accent-color: var(--accent); width: 1rem; height: 1rem; margin: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.notice { background: var(--good-bg); color: var(--good); border-radius: 8px; padding: .6rem .9rem; margin: 0 0 1.25rem; }
.problem { background: var(--bad-bg); color: var(--bad); border-radius: 8px; padding: .6rem .9rem; margin: 1rem 0; }
.empty { text-align: center; color: var(--soft); padding: 2.5rem 1.25rem; margin: 0; }
.problem ul { margin: .4rem 0 0; padding-left: 1.2rem; }
.empty > :last-child, .why > :last-child { margin-bottom: 0; }
.empty h1, .empty h2 { color: var(--ink); margin: 0 0 .5rem; }
.command { display: block; text-align: left; max-width: 46rem; margin: 1.1rem auto; padding: .9rem 1.1rem; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; color: var(--ink); white-space: pre-wrap; }

input[type=search], input[type=password], select, button { font: inherit; color: inherit; border-radius: 7px; border: 1px solid var(--line); background: var(--card); padding: .42rem .75rem; min-height: 2.4rem; }
input[type=search], input[type=password], select { border-color: color-mix(in srgb, var(--soft) 70%, var(--card)); }
::placeholder { color: var(--soft); opacity: 1; }
button { cursor: pointer; background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 550; white-space: nowrap; }
button:hover { filter: brightness(1.08); }
button.quiet { background: transparent; color: var(--ink); border-color: color-mix(in srgb, var(--soft) 45%, var(--card)); font-weight: 450; }
button.quiet:hover { background: var(--hover); filter: none; }
.search { display: flex; gap: .6rem; flex-wrap: wrap; margin-bottom: 1rem; }
.search .grow { flex: 1 1 15rem; max-width: 28rem; }
.search input { width: 100%; }
.choices { display: flex; gap: .4rem; flex-wrap: wrap; margin: 0 0 1rem; }
.choices a { padding: .2rem .75rem; border: 1px solid var(--line); border-radius: 99px; text-decoration: none; color: var(--soft); background: var(--card); }
.choices a[aria-current] { color: var(--on-accent); background: var(--accent); border-color: var(--accent); }
.pager { display: flex; justify-content: space-between; padding: 1rem .25rem; }
.actions { display: flex; align-items: center; flex-wrap: wrap; gap: .5rem .9rem; }
td .actions { flex-wrap: nowrap; }
td .actions button { min-height: 2rem; padding: .15rem .65rem; }
article > .actions { margin: -.25rem 0 1.25rem; }
form { margin: 0; }
.login { max-width: 25rem; margin: 8vh auto 0; padding: 1.75rem; display: grid; gap: .6rem; }
.login p { margin: 0 0 .4rem; }
.login label { font-weight: 550; }

.pill { display: inline-block; font-size: .8rem; line-height: 1.55; font-weight: 600; padding: 0 .6em; border-radius: 99px; white-space: nowrap; color: var(--over); background: var(--over-bg); }
.pill.good { color: var(--good); background: var(--good-bg); }
.pill.wait { color: var(--wait); background: var(--wait-bg); }
.pill.look { color: var(--look); background: var(--look-bg); }
.pill.bad { color: var(--bad); background: var(--bad-bg); }
.tag { font-size: .82rem; border: 1px solid var(--line); border-radius: 5px; padding: 0 .4em; color: var(--soft); }

.entries { list-style: none; margin: 0; padding: 0; overflow: hidden; }
.entries li + li { border-top: 1px solid var(--line); }
.entry { display: grid; grid-template-columns: minmax(9rem, 15rem) minmax(0, 1fr) auto; grid-template-areas: "from subject at" "from to more"; gap: 0 1.25rem; padding: .6rem 1.1rem; color: inherit; text-decoration: none; }
.entry:hover { background: var(--hover); }
.entry:focus-visible { outline-offset: -3px; }
.entry > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.entry .from { grid-area: from; font-weight: 600; }
.entry .subject { grid-area: subject; }
.entry .to { grid-area: to; font-size: .9rem; }
.entry .at { grid-area: at; font-size: .9rem; text-align: right; }
.entry .more { grid-area: more; font-size: .9rem; text-align: right; }

table { width: 100%; border-collapse: separate; border-spacing: 0; }
th, td { text-align: left; vertical-align: top; padding: .55rem .75rem; overflow-wrap: break-word; }
th:first-child, td:first-child { padding-left: 1.1rem; }
th:last-child, td:last-child { padding-right: 1.1rem; }
thead th { font-size: .82rem; font-weight: 600; color: var(--soft); white-space: nowrap; }
tbody td, tbody th { border-top: 1px solid var(--line); }
tbody tr:hover { background: var(--hover); }
tbody tr:last-child td:first-child { border-bottom-left-radius: 9px; }
td.long, td.lead, td.reason, td .reason { overflow-wrap: anywhere; min-width: 12.5rem; }
td.reason { min-width: 15rem; }
td .reason { min-width: 0; }
td.lead { min-width: 10rem; }
td.name { white-space: nowrap; max-width: 13rem; overflow: hidden; text-overflow: ellipsis; }
td p { margin: .25rem 0 0; }
tr.notes td { border-top: 0; padding-top: 0; overflow-wrap: anywhere; }
tr:has(+ .notes) td { padding-bottom: .2rem; }
td.lead a { font-weight: 550; text-decoration: none; color: inherit; }
td.lead a:hover { text-decoration: underline; }
.figure { font-variant-numeric: tabular-nums; white-space: nowrap; }
time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.used { display: block; margin: .35rem 0; fill: var(--line); }
.used .share { fill: var(--accent); }
.used .share.near { fill: var(--look); }
.fields th, .fields td { overflow-wrap: anywhere; }
.fields th { width: 12rem; font-weight: 550; color: var(--soft); }

.facts { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); gap: .35rem 1rem; padding: 1rem 1.1rem; margin: 1rem 0; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; }
.attachments { list-style: none; display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; margin: 0 0 1rem; }
.attachments li { border: 1px solid var(--line); background: var(--card); border-radius: 7px; padding: .25rem .7rem; }
.bar { margin: 0; padding: .55rem 1.1rem; background: var(--look-bg); color: var(--look); border-radius: 9px 9px 0 0; }
.bar a { color: inherit; font-weight: 600; }
section.card, details.card { margin: 0 0 1rem; }
details.card > summary { padding: .7rem 1.1rem; }
details.card > :not(summary) { border-top: 1px solid var(--line); }
details.card > p { padding: .7rem 1.1rem; margin: 0; }
summary { cursor: pointer; font-weight: 550; }
iframe.mail { display: block; width: 100%; height: 62vh; min-height: 18rem; resize: vertical; border: 0; border-radius: 9px; background: #fff; color-scheme: light; }
.bar + iframe.mail { border-radius: 0 0 9px 9px; }
.letter { margin: 0; padding: 1.1rem; white-space: pre-wrap; font-size: .92rem; max-width: 90ch; }
.why { padding: .9rem 1.1rem; }
.why p { margin: 0 0 .4rem; }
.why ol, .why ul { margin: 0 0 .8rem; padding-left: 1.4rem; }
.why details { margin-top: .5rem; }
.timeline { list-style: none; margin: 0; padding: .5rem 1.1rem; }
.timeline li { display: grid; grid-template-columns: 9.8rem 7rem minmax(0, 1fr); gap: 0 .75rem; padding: .35rem 0; align-items: baseline; }
.timeline li + li { border-top: 1px solid var(--line); }
.timeline time { color: var(--soft); font-size: .9rem; }
.timeline .pill { justify-self: start; }

@media (max-width: 68rem) {
  .cards thead, .rows thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards, .cards tbody, .cards tr, .rows, .rows tbody { display: block; }
  .rows tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; grid-template-areas: "lead at" "to status"; gap: .1rem 1rem; padding: .7rem 1rem; }
  .rows tr > td { border: 0; padding: 0; min-width: 0; }
  .rows .lead { grid-area: lead; }
  .rows .to { grid-area: to; font-size: .92rem; }
  .rows .at { grid-area: at; font-size: .9rem; color: var(--soft); text-align: right; }
  .rows .status { grid-area: status; text-align: right; }
  .rows .less { display: none; }
  .cards tr { padding: .7rem 1rem; }
  .cards tr + tr, .rows tr + tr { border-top: 1px solid var(--line); }
  .cards tr > td { display: block; position: relative; border: 0; padding: .15rem 0 .15rem 6.5rem; white-space: normal; min-width: 0; max-width: none; min-height: 1.9rem; }
  .cards tr > td:has(> .none, > .actions:empty) { display: none; }
  .cards tr.notes { border-top: 0; padding-top: 0; }
  .cards tr:has(+ .notes) { padding-bottom: 0; }
  .cards tr.notes > td { padding-left: 0; }
  .cards td::before { content: attr(data-label); position: absolute; left: 0; color: var(--soft); font-size: .87rem; line-height: 1.75; }
}
@media (max-width: 46rem) {
  .wide { padding: 0 1rem; }
  .masthead .wide { padding-top: .6rem; gap: 0 1rem; }
  .masthead nav { order: 3; width: 100%; margin: 0 -.7rem; }
  .masthead nav a { min-height: 2.7rem; }
  main.wide { padding: 1.25rem 1rem 3rem; }
  .entry { grid-template-columns: minmax(0, 1fr) auto; grid-template-areas: "from at" "subject subject" "to more"; }
  .search .grow { flex: 1 1 12rem; max-width: none; }
  .search label:not(.grow) { flex: 1 1 7rem; }
  .search select { width: 100%; }
  .facts { grid-template-columns: 5.6rem minmax(0, 1fr); gap: .35rem .75rem; }
  .facts dt { font-size: .9rem; }
  .timeline li { grid-template-columns: auto minmax(0, 1fr); }
  .timeline li > :last-child { grid-column: 1 / -1; }
  .fields th { width: 8rem; }
}
@media (prefers-reduced-motion: no-preference) { .masthead nav a, .entry, button { transition: background-color .12s, color .12s; } }
`
