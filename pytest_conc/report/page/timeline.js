"use strict";
/* One failure, step by step: lanes, code, values, locks. A position is an index into `this.shown`, the steps that the
filter lets through; the one after the last of them is the end, where the failure itself is shown. */

class Timeline {
  constructor(failure) {
    this.failure = failure;
    this.world = new World(failure);
    this.all = false;
    this.root = el("div", { class: "player", tabindex: -1, role: "group", "aria-label": "Timeline of the failure" });
    this.root.addEventListener("pointerdown", () => { Timeline.active = this; });
    this.root.addEventListener("focusin", () => { Timeline.active = this; });
  }

  build() {
    if (this.built) return;
    this.built = true;
    this.now = el("div", { class: "now" });
    this.spoken = el("p", { class: "offscreen", "aria-live": "polite" });
    this.lanes = el("div", { class: "lanes", tabindex: 0, role: "region", "aria-label": "Steps, one lane per task" });
    this.source = el("div", { class: "source", tabindex: 0, role: "region", "aria-label": "Source" });
    this.state = el("div", { class: "state" });
    this.root.append(this.controls(), this.lanes, this.now, this.source, this.state, this.spoken);
    this.filter(false);
  }

  /* ---- what is shown ------------------------------------------------------------------------------------------ */

  filter(all) {
    const at = this.position === undefined ? 0 : this.indexAt(this.position);
    this.all = all;
    this.shown = this.failure.trace.map((_, index) => index).filter((index) => all || this.matters(index));
    const tasks = new Set(this.shown.map((index) => this.failure.trace[index].task_number));
    const waits = this.failure.waits.filter((step) => all || step.kind !== "join" || !this.shown.length);
    waits.forEach((step) => tasks.add(step.task_number));
    this.tasks = this.failure.tasks.map((_, number) => number).filter((number) => tasks.has(number));
    this.drawLanes();
    this.drawSource();
    this.slider.max = String(this.shown.length);
    const next = this.shown.findIndex((index) => index >= at);
    this.show(next < 0 ? this.shown.length : next, true);
  }

  matters(index) {
    const step = this.failure.trace[index];
    return step.shown || step.in_finding;
  }

  /** The index in the trace of a position; the length of the trace at the end. */
  indexAt(position) {
    return position < this.shown.length ? this.shown[position] : this.failure.trace.length;
  }

  /* ---- controls ----------------------------------------------------------------------------------------------- */

  controls() {
    const button = (label, path, move, name) =>
      el("button", { type: "button", class: `move ${name}`, "aria-label": label, title: label, onclick: move }, icon(path));
    this.buttons = [
      button("First step (Home)", "M3 3v10M13 3 6 8l7 5z", () => this.show(0), "first"),
      button("Previous step (←)", "M11 3 4 8l7 5z", () => this.move(-1), "previous"),
      button("Next step (→)", "M5 3l7 5-7 5z", () => this.move(1), "next"),
      button("Last step (End)", "M13 3v10M3 3l7 5-7 5z", () => this.show(this.shown.length), "last"),
    ];
    this.counter = el("span", { class: "counter" });
    this.slider = el("input", { type: "range", min: 0, max: 0, "aria-label": "Step",
      oninput: () => this.show(Number(this.slider.value)) });
    const all = el("input", { type: "checkbox", onchange: () => this.filter(all.checked) });
    const total = this.failure.trace.length.toLocaleString("en");
    return el("div", { class: "controls" },
      el("div", { class: "moves" }, this.buttons), this.counter, this.slider,
      el("label", { class: "toggle" }, all, ` all operations (${total})`),
      el("span", { class: "keys" }, el("kbd", {}, "←"), el("kbd", {}, "→"), " step ", el("kbd", {}, "Home"), el("kbd", {}, "End")));
  }

  /** Performs a key if it is one of ours; returns whether it was. */
  key(name) {
    const moves = { ArrowRight: 1, j: 1, ArrowLeft: -1, k: -1 };
    if (name in moves) this.move(moves[name]);
    else if (name === "Home") this.show(0);
    else if (name === "End") this.show(this.shown.length);
    else return false;
    return true;
  }

  move(by) {
    this.show(this.position + by);
  }

  /** Shows the moment just after the step at this position. */
  show(position, quietly) {
    this.position = Math.max(0, Math.min(position, this.shown.length));
    const isEnd = this.position === this.shown.length;
    const index = this.indexAt(this.position);
    this.world.go(Math.min(index + 1, this.failure.trace.length));
    this.step = isEnd ? null : this.failure.trace[index];
    this.counter.textContent = isEnd ? "The end" : `Step ${this.position + 1} of ${this.shown.length}`;
    this.slider.value = String(this.position);
    this.slider.setAttribute("aria-valuetext", this.counter.textContent);
    this.buttons.forEach((each, at) => {
      each.setAttribute("aria-disabled", String(at < 2 ? this.position === 0 : isEnd));
    });
    this.root.dataset.step = String(this.position);
    this.markRow();
    this.drawNow();
    this.markSource();
    this.state.replaceChildren(...this.stateTables());
    if (!quietly) this.spoken.textContent = `${this.counter.textContent}: ${this.now.textContent}`;
  }

  /* ---- lanes -------------------------------------------------------------------------------------------------- */

  drawLanes() {
    const { failure } = this;
    const narrow = this.tasks.length > 4;
    const head = el("tr", {}, el("th", { class: "number", scope: "col" }, el("span", { class: "offscreen" }, "Step")),
      this.tasks.map((task) => el("th", { scope: "col", class: colour(task) }, this.chip(task))));
    this.rows = [];
    const walk = new World(failure);
    let last = null;
    this.shown.forEach((index, position) => {
      const step = failure.trace[index];
      walk.go(index);
      const before = this.tasks.map((task) => walk.phase(task));
      walk.go(index + 1);
      this.rows.push(this.row(step, position, last, before, this.tasks.map((task) => walk.phase(task))));
      last = step;
    });
    this.rows.push(this.endRow());
    this.rows.forEach((row, position) => row.addEventListener("click", () => this.show(position)));
    this.root.classList.toggle("long", this.rows.length > 14);
    this.lanes.replaceChildren(el("table", { class: narrow ? "list" : "grid" },
      el("caption", { class: "offscreen" }, "The steps in the order in which they happened"),
      el("thead", {}, head), el("tbody", {}, this.rows)));
  }

  row(step, position, last, before, after) {
    const where = last && last.task_number === step.task_number && last.file === step.file && last.line === step.line;
    const classes = [step.in_finding ? "finding" : "", last && last.task_number !== step.task_number ? "switch" : ""];
    return el("tr", { class: classes.join(" ").trim() || null },
      el("th", { class: "number", scope: "row" }, String(position + 1)),
      this.tasks.map((task, at) => {
        const acts = task === step.task_number;
        const line = before[at] === "off" && !acts ? "off" : after[at] === "off" && !acts ? "off" : after[at];
        const name = `lane ${colour(task)} ${line}${acts ? " acts" : ""}`;
        return el("td", { class: name }, acts ? [el("span", { class: "who" }, this.chip(task)), ...this.cell(step, where)] : []);
      }));
  }

  cell(step, where) {
    const place = !where && step.line ? el("div", { class: "line" }, el("b", {}, String(step.line)), code([step.source])[0]) : null;
    const mark = step.in_finding ? el("span", { class: "mark" }, this.findingNumber(step)) : null;
    return [place, el("div", { class: "what" }, mark, this.words(step))];
  }

  endRow() {
    const { error } = this.failure;
    return el("tr", { class: "end" }, el("th", { class: "number", scope: "row" }, "✕"),
      el("td", { colspan: this.tasks.length || 1 }, el("b", {}, error.type), ` ${firstLine(error.message)}`));
  }

  markRow() {
    this.current?.removeAttribute("aria-current");
    this.current = this.rows[this.position];
    this.current.setAttribute("aria-current", "step");
    scrollWithin(this.lanes, this.current, 60);
  }

  chip(task) {
    return [badge(task, this.failure.tasks[task]), " ", el("span", { class: "name" }, this.failure.tasks[task])];
  }

  findingNumber(step) {
    return String(this.failure.trace.filter((each) => each.in_finding).indexOf(step) + 1);
  }

  /** A step in words, the resource set as code. */
  words(step) {
    if (step.kind === "begin" || step.kind === "exit") return [step.kind === "begin" ? "begins" : "ends"];
    const at = indexOfName(step.text, step.resource);
    if (at < 0) return [step.text];
    const rest = step.text.slice(at + step.resource.length);
    return [step.text.slice(0, at), el("code", {}, step.resource), el("span", { class: "value" }, rest)];
  }

  /* ---- the current step --------------------------------------------------------------------------------------- */

  drawNow() {
    const { step, failure } = this;
    this.now.className = step ? `now ${colour(step.task_number)}` : "now end";
    if (!step) {
      this.now.replaceChildren(
        el("p", { class: "title" }, el("b", {}, failure.error.type), place(failure.error)),
        el("p", { class: "message" }, failure.error.message === failure.explanation ? firstLine(failure.error.message) : failure.error.message));
      return;
    }
    this.now.replaceChildren(
      el("p", { class: "title" }, this.chip(step.task_number), place(step)),
      el("p", { class: "message" }, step.in_finding ? el("span", { class: "mark" }, this.findingNumber(step)) : null,
        this.words(step)));
  }

  /* ---- source ------------------------------------------------------------------------------------------------- */

  drawSource() {
    const lines = new Set();
    const add = (each) => lines.add(`${each.file}:${each.line}`);
    this.shown.forEach((index) => add(this.failure.trace[index]));
    [...this.failure.waits.filter((step) => this.tasks.includes(step.task_number)), this.failure.error].forEach(add);
    this.sourceLines = new Map();
    const touched = (part) => part.lines.some((_, at) => lines.has(`${part.file}:${part.first + at}`));
    const parts = this.failure.sources.filter(touched)
      .map((part, at, all) => this.excerpt(part, part.file !== all[at - 1]?.file));
    this.source.replaceChildren(...parts);
    this.source.hidden = !parts.length;
    this.marked = [];
  }

  excerpt(part, isFirst) {
    const coloured = code(part.lines);
    const lines = part.lines.map((text, at) => {
      const marks = el("span", { class: "marks" });
      const line = el("li", {}, el("span", { class: "gutter" }, String(part.first + at)), marks, el("code", {}, coloured[at], "\n"));
      line.style.setProperty("--indent", `${text.length - text.trimStart().length + 4}ch`);
      this.sourceLines.set(`${part.file}:${part.first + at}`, { line, marks });
      return line;
    });
    return el("figure", {}, isFirst ? el("figcaption", {}, part.file) : el("div", { class: "gap" }, "⋯"), el("ol", {}, lines));
  }

  markSource() {
    for (const { line, marks } of this.marked) {
      line.className = "";
      marks.replaceChildren();
    }
    this.marked = [];
    let here = null;
    for (const task of this.tasks) {
      const acts = this.step && task === this.step.task_number;
      const found = this.find(acts ? this.step : this.world.place(task));
      if (!found) continue;
      found.marks.append(badge(task, `${this.failure.tasks[task]} ${acts ? "is here" : "is paused here"}`));
      if (acts) {
        here = found;
        found.line.className = `here ${colour(task)}`;
      } else found.line.classList.add("paused", ...(!this.step && this.world.waits(task) ? ["stuck"] : []));
      this.marked.push(found);
    }
    const failed = this.step ? null : this.find(this.failure.error);
    if (failed) {
      failed.line.classList.add("failed");
      failed.marks.append(el("span", { class: "badge failure", title: "raised here" }, "✕"));
      this.marked.push(failed);
    }
    const target = here || failed || this.marked[0];
    if (target) scrollWithin(this.source, target.line, 24);
  }

  find(at) {
    return at && at.line ? this.sourceLines.get(`${at.file}:${at.line}`) : undefined;
  }

  /* ---- values and locks --------------------------------------------------------------------------------------- */

  stateTables() {
    const names = new Map(); /* key → name, of what the steps shown are about */
    const steps = [...this.shown.map((index) => this.failure.trace[index]), ...this.failure.waits];
    steps.forEach(({ key, resource }) => names.set(key, names.get(key) || resource));
    const values = [...this.world.values].filter(([key]) => names.has(key));
    const others = [...names].filter(([key]) => DESCRIBES.test(key));
    const tasks = new Set([...this.tasks, ...(this.step ? [] : this.failure.waits.map((step) => step.task_number))]);
    const head = (key) => el("th", { scope: "row" }, el("code", { title: key }, names.get(key)));
    return [
      table("Shared values", values.map(([key, known]) => this.valueRow(head(key), key, known))),
      table("Locks, queues, events", others.map(([key]) => el("tr", {}, head(key), el("td", {}, this.resource(key))))),
      table("Tasks", [...tasks].sort((one, other) => one - other).map((task) => this.taskRow(task))),
    ].filter(Boolean);
  }

  valueRow(head, key, known) {
    const acts = this.step && this.step.key === key;
    const changed = acts && this.step.kind === "write";
    const value = known.value === null ? el("i", {}, "not shown") : el("code", { class: "current" }, known.value);
    const was = changed && known.before !== null ? [el("code", { class: "was" }, known.before), el("span", { class: "arrow" }, " → ")] : null;
    const stale = [...known.seen].filter(([task, seen]) =>
      !this.world.ended.has(task) && seen !== null && known.value !== null && seen !== known.value);
    const notes = stale.map(([task, seen]) => el("div", { class: "stale" }, badge(task), " still goes by ", el("code", {}, seen)));
    return el("tr", { class: changed ? "changed" : acts ? "looked" : null }, head,
      el("td", {}, was, value, changed ? el("span", { class: "tag" }, "changed") : null, notes));
  }

  resource(key) {
    const parts = [];
    const holders = [...new Set(this.world.holders.get(key) || [])];
    const list = (verb, tasks) => parts.push(el("div", {}, `${verb} `, tasks.map((task) => [badge(task, this.failure.tasks[task]), " "]).flat()));
    if (/^(R?Lock|Semaphore)/.test(key)) holders.length ? list("held by", holders) : parts.push(el("div", {}, key[0] === "S" ? "" : "free"));
    if (key.startsWith("Event") && this.world.flags.has(key)) parts.push(el("div", {}, this.world.flags.get(key) ? "set" : "not set"));
    const traffic = this.world.traffic.get(key);
    if (traffic) parts.push(el("div", {}, `${traffic.put} put, ${traffic.taken} taken`));
    const waiting = this.failure.tasks.map((_, task) => task).filter((task) => this.world.waits(task)?.key === key);
    if (waiting.length) list(/^(R?Lock|Semaphore)/.test(key) ? "wanted by" : "awaited by", waiting);
    return parts.length ? parts : [el("span", { class: "quiet" }, "–")];
  }

  taskRow(task) {
    const waits = this.world.waits(task);
    const at = this.step && this.step.task_number === task ? this.step : this.world.place(task);
    const line = at && at.line ? ` at line ${at.line}` : "";
    const text = this.world.ended.has(task) ? "has ended"
      : !this.world.begun.has(task) ? "has not begun"
      : waits ? [`waits ${waits.what}`, waits.holder === undefined ? "" : [", held by ", badge(waits.holder)], line].flat()
      : this.step && this.step.task_number === task ? `runs${line}` : `is paused${line}`;
    return el("tr", { class: waits ? "waiting" : null }, el("th", { scope: "row" }, this.chip(task)), el("td", {}, text));
  }
}

Timeline.active = null;
const DESCRIBES = /^(R?Lock|Semaphore|Condition|Event|Queue|Barrier)#/;

/** Where a name stands in a text as a word of its own; -1 if it does not. */
function indexOfName(text, name) {
  for (let at = text.indexOf(name); name && at >= 0; at = text.indexOf(name, at + 1))
    if ((at === 0 || text[at - 1] === " ") && [undefined, " "].includes(text[at + name.length])) return at;
  return -1;
}

const firstLine = (text) => text.split("\n")[0].replace(/:$/, "");
const place = ({ file, line, function: name }) =>
  line ? el("span", { class: "place" }, `${file.split("/").pop()}:${line}`, name ? ` in ${name.split(".<locals>.").pop()}` : "") : null;

function table(title, rows) {
  return rows.length ? el("table", {}, el("caption", {}, title), el("tbody", {}, rows)) : null;
}

/** Scrolls a box, and only this box, so that one of its lines is visible. */
function scrollWithin(box, line, margin) {
  const [outer, inner] = [box.getBoundingClientRect(), line.getBoundingClientRect()];
  if (inner.top < outer.top + margin) box.scrollTop += inner.top - outer.top - margin;
  else if (inner.bottom > outer.bottom - margin) box.scrollTop += inner.bottom - outer.bottom + margin;
}
