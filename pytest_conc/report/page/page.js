"use strict";
/* The page: a summary, an index, and each test with its verdict, its outcomes and the timeline of its failure. */

const STATES = [
  { name: "failed", sign: "✕", title: "failed", says: "Failed" },
  { name: "found", sign: "◆", title: "found what they should", says: "Found, as finds= asks" },
  { name: "passed", sign: "✓", title: "passed", says: "Passed" },
  { name: "other", sign: "–", title: "skipped or expected to fail", says: "Not judged" },
];

function stateOf(test) {
  if (test.outcome === "failed") return STATES[0];
  if (test.failure && test.outcome === "passed") return STATES[1];
  return test.outcome === "passed" ? STATES[2] : STATES[3];
}

const sign = (state) => el("span", { class: `sign ${state.name}`, title: state.says }, el("span", { "aria-hidden": "true" }, state.sign), el("span", { class: "offscreen" }, state.says));
const timelines = [];

function draw(record) {
  const tests = record.tests.map((test, at) => ({ test, at, state: stateOf(test) }));
  tests.sort((one, other) => STATES.indexOf(one.state) - STATES.indexOf(other.state) || one.at - other.at);
  tests.forEach((each, at) => { each.anchor = `test-${at + 1}`; });
  const main = document.querySelector("main");
  const isWhole = document.body.classList.contains("whole");
  if (isWhole) main.append(header(record, tests));
  if (isWhole && tests.length > 1) main.append(index(tests));
  main.append(...tests.map(section));
  if (record.stressed.length) main.append(stressed(record.stressed));
  if (isWhole && record.ran_once.length) main.append(ranOnce(record.ran_once));
}

function header({ session, tool, stressed: ran }, tests) {
  const facts = [`${tool.name} ${tool.version}`, `${session.implementation} ${session.python}${session.free_threaded ? ", free-threaded" : ""}`,
    session.seed === null ? null : `seed ${session.seed}`];
  const counts = STATES.map((state) => [state, tests.filter((each) => each.state === state).length]).filter(([, count]) => count);
  return el("header", {}, el("h1", {}, "Interleavings"),
    el("p", { class: "facts" }, facts.filter(Boolean).join("  ·  ")),
    tests.length ? el("ul", { class: "counts" }, counts.map(([state, count]) => el("li", {}, sign(state), el("b", {}, String(count)), ` ${state.title}`)))
      : ran.length ? null
        : el("p", { class: "empty" }, "No test was explored. Mark one with @interleave, or explore all with --conc-interleave."));
}

function index(tests) {
  return el("nav", { "aria-label": "Explored tests" }, el("ol", {}, tests.map(({ test, state, anchor }) =>
    el("li", { class: state.name }, el("a", { href: `#${anchor}` }, sign(state), el("span", { class: "test-name" }, breakable(nameOf(test))),
      el("span", { class: "brief" }, brief(test)))))));
}

const nameOf = ({ id }) => id.slice(id.includes("::") ? id.indexOf("::") + 2 : 0);
const fileOf = ({ id }) => (id.includes("::") ? id.split("::")[0] : "");
function brief({ failure, executions, outcome }) {
  if (failure) return failure.finding === "Failure" ? failure.error.type : failure.finding;
  return executions === null || outcome === "skipped" ? outcome : plural(executions, "execution");
}

function section({ test, state, anchor }) {
  const { failure } = test;
  return el("section", { class: `test ${state.name}`, id: anchor, "aria-labelledby": `${anchor}-name` },
    el("div", { class: "heading" }, sign(state),
      el("h2", { id: `${anchor}-name` }, breakable(nameOf(test))), el("span", { class: "file" }, fileOf(test))),
    el("p", { class: "verdict" }, test.verdict), outcomes(test), failure ? shown(failure) : null, details(test));
}

function outcomes({ outcomes: counted, executions }) {
  const rows = Object.entries(counted);
  if (!rows.length) return null;
  return el("table", { class: "outcomes" }, el("caption", { class: "offscreen" }, "Outcomes"), el("tbody", {}, rows.map(([label, times]) => {
    const share = (100 * times) / executions;
    const bar = el("span", { class: "bar" });
    bar.style.setProperty("--share", `${share}%`);
    return el("tr", { class: label === "passed" ? "passed" : "failed" }, el("th", { scope: "row" }, label), el("td", { class: "bars" }, bar),
      el("td", { class: "times" }, times.toLocaleString("en")), el("td", { class: "share" }, `${share < 0.1 ? "< 0.1" : share.toFixed(share < 10 ? 1 : 0)} %`));
  })));
}

function shown(failure) {
  const timeline = new Timeline(failure);
  timelines.push(timeline);
  const small = failure.trace.filter((step) => step.shown).length < 400;
  if (small || !window.IntersectionObserver) timeline.build();
  else watch(timeline);
  const replay = failure.token ? el("div", { class: "replay" }, el("span", { class: "label" }, "Replay"), el("code", {}, failure.replay), copyButton(failure.replay)) : null;
  return el("div", { class: "failure" },
    el("div", { class: "story" }, el("h3", {}, title(failure)), explanation(failure), operations(failure, timeline), others(failure)),
    timeline.root, replay);
}

function title({ finding, error, preemptions, execution, token }) {
  const kind = [error.type, "Failure"].includes(finding) ? error.type : `${finding}: ${error.type}`;
  const how = token ? `, minimised to ${preemptions ? plural(preemptions, "preemption") : "no preemption"}` : "";
  return [kind, el("span", { class: "quiet" }, ` in execution ${execution.toLocaleString("en")}${how}`)];
}

function explanation({ explanation: text }) {
  const lines = text.split("\n").filter((line) => line.trim());
  const parts = [];
  for (const line of lines) {
    if (!line.startsWith("  ")) parts.push(el("p", {}, line));
    else if (parts.at(-1)?.tagName === "UL") parts.at(-1).append(el("li", {}, line.trim()));
    else parts.push(el("ul", {}, el("li", {}, line.trim())));
  }
  return parts;
}

/** The operations that the finding is about, each a button that goes there. */
function operations({ trace }, timeline) {
  const involved = trace.filter((step) => step.in_finding);
  if (!involved.length) return null;
  return el("ol", { class: "operations" }, involved.map((step, at) => el("li", {}, el("button", { type: "button", onclick: () => {
    timeline.build();
    timeline.show(timeline.shown.indexOf(trace.indexOf(step)));
    Timeline.active = timeline;
  } }, el("span", { class: "mark" }, String(at + 1)), badge(step.task_number, step.task), el("span", { class: "words" }, timeline.words(step))))));
}

/** What other schedules say: with which swap it passes, whether it fails everywhere, and with the GIL. */
function others({ others: sentences }) {
  return sentences.map((sentence) => el("p", { class: "others" }, sentence));
}

function details({ settings, watched, notes, classes, estimated_classes: estimate, executions, unseen, ended_by: ended, duration }) {
  const facts = [["executions", executions], ["ended by", ended], ["classes seen", classes], ["classes, estimated", estimate && Math.round(estimate)],
    ["unseen mass", unseen === null ? null : unseen.toFixed(3)], ["time", duration === null ? null : `${duration.toFixed(2)} s`],
    ...Object.entries(settings).map(([name, value]) => [name.replace("_", " "), Array.isArray(value) ? value.join(", ") : value]),
    ["watched", watched.join(", ")], ["notes", notes.join("; ")]];
  const given = facts.filter(([name, value], at) => value !== null && value !== "" && value !== false && facts.findIndex(([other]) => other === name) === at);
  return el("details", {}, el("summary", {}, "Settings and coverage"),
    el("dl", {}, given.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value))))));
}

/** The rates of real runs, and below each what failed how often. */
function stressed(tests) {
  return el("section", { class: "stressed" }, el("h2", {}, "Real runs"), el("div", { class: "scroll" },
    el("table", {}, el("thead", {}, el("tr", {}, ["test", "failed", "share", "95 % CI"].map((name) => el("th", { scope: "col" }, name)))),
      tests.map((each) => el("tbody", { class: each.failed && !each.expected ? "failed" : "passed" }, rate(each), each.failures.map(kindOfFailure))))));
}

const percent = (share) => (100 * share).toFixed(1);

function rate({ test, runs, failed, share, low, high }) {
  return el("tr", {}, el("th", { scope: "row" }, breakable(nameOf({ id: test }))), el("td", {}, `${failed} of ${runs}`),
    el("td", {}, `${percent(share)} %`), el("td", {}, `${percent(low)}–${percent(high)}`));
}

function kindOfFailure({ error, message, file, line, times }) {
  return el("tr", { class: "kind" }, el("td", {}, `${error}${message ? `: ${message}` : ""}`, file ? el("span", { class: "file" }, ` ${file}:${line}`) : null),
    el("td", { colspan: 3 }, `${times} ×`));
}

function ranOnce(tests) {
  return el("section", { class: "once" }, el("h2", {}, "Ran once, neither explored nor stressed"),
    el("ul", {}, tests.map(({ id, reason }) => el("li", {}, el("code", {}, id), ` ${reason}`))));
}

/** Builds a long timeline when it is about to be seen. */
function watch(timeline) {
  const observer = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      timeline.build();
      observer.disconnect();
    }
  }, { rootMargin: "600px" });
  observer.observe(timeline.root);
}

const isVisible = ({ root }) => {
  const { top, bottom } = root.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight;
};

/** Keys go to the timeline that was used last, or else to the first one that can be seen. */
function onKey(event) {
  const isTyping = event.target.matches?.("input[type=range], textarea, select, [contenteditable]");
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  const { active } = Timeline;
  const timeline = active && isVisible(active) ? active : timelines.find(isVisible);
  const jumps = event.key === "Home" || event.key === "End";
  if (!timeline?.built || (jumps && timeline !== active)) return;
  if (timeline.key(event.key)) {
    Timeline.active = timeline;
    event.preventDefault();
  }
}

/** In another page: as high as its content, where that page allows it. */
function fit() {
  try {
    window.frameElement.style.height = `${document.documentElement.scrollHeight + 2}px`;
  } catch (refused) { /* it keeps the height that it was given, and scrolls */ }
}

document.addEventListener("keydown", onKey);
window.addEventListener("beforeprint", () => timelines.forEach((timeline) => timeline.build()));
draw(JSON.parse(document.getElementById("record").textContent));
if (document.body.classList.contains("part")) new ResizeObserver(() => requestAnimationFrame(fit)).observe(document.body);
