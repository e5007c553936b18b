"use strict";
/* Small pieces of the page. Text from the record is only ever set as text, never as markup. */

/** An element with attributes (null leaves one out; onclick and friends are listeners) and children. */
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** An icon of one path on a 16 × 16 grid. */
function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("d", path);
  svg.append(drawn);
  return svg;
}

const plural = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

/** The letter of a task: M for the main task, A, B, … for the others in the order in which they were started. */
function letter(number) {
  if (number === 0) return "M";
  const at = number - 1;
  return (at < 25 ? "" : letter(Math.floor(at / 25))) + "ABCDEFGHIJKLNOPQRSTUVWXYZ"[at % 25];
}

/** The class that gives a task its colour: grey for the main task, then seven that everybody can tell apart. */
const colour = (number) => `lane-${number === 0 ? 0 : 1 + ((number - 1) % 7)}`;

const badge = (number, title) => el("span", { class: `badge ${colour(number)}`, title }, letter(number));

/** A name that may be broken after an underscore or dot. */
const breakable = (name) => name.split(/(?<=[_./:])(?=\w)/).flatMap((part, at) => (at ? [el("wbr"), part] : [part]));

const QUOTES = /[rRbBfFuU]{0,2}("""|''')/;
const WORD = /([rRbBfFuU]{0,2}(?:"""|''').*?(?:"""|'''|$)|f?"(?:[^"\\]|\\.)*"|f?'(?:[^'\\]|\\.)*'|#.*$|\b\d[\w.]*|\b(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield)\b|@[\w.]+)/g;

/** Lines of Python with their words coloured: a list of parts for each line. */
function code(lines) {
  let open = null; /* the quotes of a text that goes on over several lines */
  return lines.map((line) => {
    const end = open ? line.indexOf(open) : 0;
    const text = !open ? "" : end < 0 ? line : line.slice(0, end + 3);
    if (open && end >= 0) open = null;
    const rest = line.slice(text.length);
    const parts = rest.split(WORD).map((part, at) => (at % 2 ? el("span", { class: kindOf(part) }, part) : part));
    const last = [...rest.matchAll(WORD)].map(([word]) => word).find((word) => QUOTES.test(word) && !/.("""|''')$/.test(word.replace(QUOTES, "#")));
    if (!open && last) open = QUOTES.exec(last)[1];
    return text ? [el("span", { class: "string" }, text), ...parts] : parts;
  });
}

function kindOf(word) {
  if (word[0] === "#") return "comment";
  if (word[0] === "@") return "decorator";
  if (/^\d/.test(word)) return "number-word";
  return /["']/.test(word) ? "string" : "keyword";
}

/** A button that copies a text, and says so. */
function copyButton(text) {
  const label = el("span", { role: "status" }, "Copy");
  return el("button", { type: "button", class: "copy", onclick: () => copy(text).then((done) => {
    label.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { label.textContent = "Copy"; }, 2000);
  }) }, icon("M5 5V2h9v9h-3M2 5h9v9H2z"), label);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (refused) { /* an old browser, or a frame that may not: the selection can still be copied */
    const area = el("textarea", { class: "offscreen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
