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

/** A letter for a task: A to Z, then AA, AB, … */
const letter = (number) => (number < 26 ? "" : letter(Math.floor(number / 26) - 1)) + String.fromCharCode(65 + (number % 26));

/** The badge of a task: a letter in its colour. */
const badge = (lane, title) => el("span", { class: `badge lane-${lane % 8}`, title }, letter(lane));

const WORD = /("""|'''|f?"(?:[^"\\]|\\.)*"|f?'(?:[^'\\]|\\.)*'|#.*$|\b\d[\w.]*|\b(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield)\b|@[\w.]+)/g;

/** A line of Python with its words coloured. */
function code(line) {
  return line.split(WORD).map((part, at) => (at % 2 ? el("span", { class: kindOf(part) }, part) : part));
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
