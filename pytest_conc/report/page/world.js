"use strict";
/* What is true after each step of a trace: values, who holds which lock, who waits. Nothing here touches the page.

The trace has operations only; locks that were taken and values that were set before its first step are told from the
first operation on them. */

class World {
  constructor(failure) {
    this.failure = failure;
    this.steps = failure.trace;
    this.tasks = failure.tasks;
    this.own = this.tasks.map(() => []);
    this.steps.forEach((step, index) => this.own[step.task_number]?.push(index));
    this.pending = new Map(failure.waits.map((step) => [step.task_number, step]));
    this.results = this.seenLater();
    this.reset();
  }

  /** What a write has made, by index, where it does not say so itself but the next look at the location does. */
  seenLater() {
    const results = new Map();
    const later = new Map(); /* location → its value just before the steps that were gone through, from the end */
    for (let index = this.steps.length - 1; index >= 0; index--) {
      const { kind, key, before, after } = this.steps[index];
      if (kind === "read" && after !== null) later.set(key, after);
      if (kind !== "write") continue;
      results.set(index, after ?? later.get(key) ?? null);
      const container = key.split("[")[0]; /* a write to an item changes the container, and the other way round */
      for (const other of later.keys()) if (other.split("[")[0] === container) later.delete(other);
      if (before !== null) later.set(key, before);
    }
    return results;
  }

  reset() {
    this.performed = 0;
    this.values = new Map(); /* location → {value, before, by, at, seen: task → value} */
    this.holders = new Map(); /* lock → numbers of tasks, one more often for a lock that it took again */
    this.given = new Map(); /* task → what it held of the lock that its wait gave up */
    this.flags = new Map(); /* event → whether it is set */
    this.traffic = new Map(); /* queue → {put, taken} */
    this.begun = new Set([0]);
    this.ended = new Set();
    this.last = this.tasks.map(() => -1);
    const met = new Set();
    for (const step of this.steps) {
      const lock = step.kind === "wait" ? step.lock : step.key;
      if (met.has(lock)) continue;
      met.add(lock);
      if (step.kind === "release" || step.kind === "wait") this.holders.set(lock, [step.task_number]);
      if (step.kind === "read" || step.kind === "write") {
        const value = step.kind === "read" ? step.after : step.before;
        this.values.set(lock, { value, before: null, by: null, at: -1, seen: new Map() });
      }
    }
  }

  /** Goes to the moment after the first `count` steps. */
  go(count) {
    if (count < this.performed) this.reset();
    while (this.performed < count) this.advance();
  }

  advance() {
    const index = this.performed++;
    const step = this.steps[index];
    this.last[step.task_number] = index;
    this.begun.add(step.task_number);
    EFFECTS[step.kind]?.(this, step, index);
  }

  holder(key) {
    return (this.holders.get(key) || [])[0];
  }

  /** The operation that a task performs next, or has announced for ever. */
  next(task) {
    const own = this.own[task];
    let low = 0;
    for (let high = own.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (own[middle] < this.performed) low = middle + 1;
      else high = middle;
    }
    return low < own.length ? this.steps[own[low]] : this.pending.get(task);
  }

  /** What a task waits for: null, or {what, key, holder}. */
  waits(task) {
    const step = this.begun.has(task) && !this.ended.has(task) && this.next(task);
    const isOver = this.performed === this.steps.length;
    if (!step || !(isOver ? step === this.pending.get(task) : this.isBlocked(task, step))) return null;
    const holder = step.kind === "acquire" ? this.holder(step.key) : undefined;
    return { what: (WANTS[step.kind] || "for ") + step.resource, key: step.key, holder };
  }

  isBlocked(task, { kind, key }) {
    const holder = this.holder(key);
    if (kind === "acquire" && /^R?Lock#/.test(key)) return holder !== undefined && (holder !== task || key[0] === "L");
    if (kind === "join") return !this.ended.has(this.tasks.indexOf(key));
    if (kind === "wait for") return this.flags.get(key) === false;
    if (kind === "get") return this.pending.get(task)?.key === key && this.balance(this.performed, key) <= this.balance(this.steps.length, key);
    return kind === "wake";
  }

  /** How many more items were put than taken in the first `count` steps; at the end of a wait for an item there are none. */
  balance(count, key) {
    const changes = { put: 1, get: -1 };
    return this.steps.slice(0, count).reduce((sum, step) => sum + (step.key === key ? changes[step.kind] || 0 : 0), 0);
  }

  /** off, on or wait: how the line of a task is drawn. */
  phase(task) {
    if (!this.begun.has(task) || this.ended.has(task)) return "off";
    return this.waits(task) ? "wait" : "on";
  }

  /** The step at whose line a task stands: the one it is about to perform, or else its last one. */
  place(task) {
    if (!this.begun.has(task) || this.ended.has(task)) return null;
    const next = this.next(task);
    return next && next.line && !next.internal ? next : this.lastPlace(task);
  }

  lastPlace(task) {
    const own = this.own[task].filter((index) => index < this.performed && this.steps[index].line);
    return own.length ? this.steps[own[own.length - 1]] : null;
  }
}

const WANTS = {
  join: "for the end of ", get: "for an item of ", put: "for room in ", wake: "for a notification of ",
  drain: "for the workers of a pool", "wait until done": "for all tasks of ",
};

const take = (world, { key, task_number: task }) => {
  const held = world.holders.get(key) || [];
  if (!held.length || held[0] === task || key.startsWith("Semaphore")) world.holders.set(key, [...held, task]);
};
const count = (name) => (world, { key }) => {
  const seen = world.traffic.get(key) || { put: 0, taken: 0 };
  world.traffic.set(key, { ...seen, [name]: seen[name] + 1 });
};

/** What each kind of operation changes. */
const EFFECTS = {
  read(world, { key, after, task_number: task }) {
    const known = world.values.get(key);
    if (known) {
      if (after !== null) known.value = after;
      known.seen.set(task, after);
    }
  },
  write(world, { key, before, task_number: task }, at) {
    const seen = world.values.get(key)?.seen || new Map();
    seen.delete(task);
    world.values.set(key, { value: world.results.get(at), before, by: task, at, seen });
  },
  acquire: take,
  "try-acquire": (world, step) => { if (!/^Semaphore/.test(step.key) && step.after !== "False") take(world, step); },
  release(world, { key, task_number: task }) {
    const held = [...(world.holders.get(key) || [])];
    const at = held.lastIndexOf(task);
    if (held.length) held.splice(at < 0 ? 0 : at, 1);
    world.holders.set(key, held);
  },
  wait(world, { lock, task_number: task }) {
    world.given.set(task, world.holders.get(lock) || []);
    world.holders.set(lock, []);
  },
  wake(world, { lock, task_number: task }) {
    world.holders.set(lock, world.given.get(task) || [task]);
  },
  "try-wake": (world, step) => EFFECTS.wake(world, step),
  set: (world, { key }) => world.flags.set(key, true),
  clear: (world, { key }) => world.flags.set(key, false),
  put: count("put"),
  get: count("taken"),
  "try-put": (world, step) => { if (step.after !== null) count("put")(world, step); },
  "try-get": (world, step) => { if (step.after !== null) count("taken")(world, step); },
  exit: (world, { task_number: task }) => world.ended.add(task),
};
