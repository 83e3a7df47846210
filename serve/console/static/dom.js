// Elements, times and numbers. Whatever comes from the shop goes in as text, never as
// markup.

/** Makes an element: h("a", {href: "…", class: "…", onclick: f}, "text", child). */
export function h(name, props, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [p, v] of Object.entries(value)) e.style.setProperty(p, v);
    else e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== false));
  return e;
}

export const $ = (id) => document.getElementById(id);

/** Sets the text of an element, only when it differs: readers of the screen hear changes. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const count = (n, one, many = one + "s") => `${whole.format(n)} ${n === 1 ? one : many}`;
export const number = (n) => (Number.isInteger(n) ? whole.format(n) : short.format(n));
export const percent = (part) => `${Math.round(100 * part)} %`;

/** A number of seconds as people say it: 4 min 10 s. */
export function duration(s) {
  if (s < 1) return s <= 0 ? "0 s" : "under 1 s";
  if (s < 60) return `${Math.round(s)} s`;
  const two = (n, size, large, small) => { const rest = Math.round(n % size); return `${Math.floor(n / size)} ${large}${rest ? ` ${rest} ${small}` : ""}`; };
  if (s < 3600) return two(Math.round(s), 60, "min", "s");
  if (s < 48 * 3600) return two(Math.round(s / 60), 60, "h", "min");
  return `${Math.round(s / 86400)} days`;
}

export function bytes(n) {
  const units = ["bytes", "KB", "MB", "GB"];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${i ? short.format(n) : whole.format(n)} ${units[i]}`;
}

/** A time that has passed, as people say it: 4 min. */
function past(s) {
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  return `${Math.round(s / 3600)} h`;
}

/** When something was, with the exact time to hover over. */
export function when(time) {
  const at = new Date(time), ago = (Date.now() - at) / 1000;
  const text = ago < 5 ? "just now" : ago < 48 * 3600 ? `${past(ago)} ago` : at.toLocaleDateString("en", { dateStyle: "medium" });
  return h("time", { datetime: at.toISOString(), title: at.toLocaleString() }, text);
}

export function price(amount, currency) {
  return amount === undefined || amount === null ? "" : `${amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}${currency ? " " + currency : ""}`;
}

/** Asks with a dialog of the page; true for yes. */
export function ask(dialog, fill) {
  fill?.();
  dialog.showModal();
  // Not by the close event: it comes late, when the next question may stand there already.
  return new Promise((resolve) => {
    dialog.querySelector("form").onsubmit = (event) => resolve(event.submitter?.value === "yes");
    dialog.oncancel = () => resolve(false);
  });
}

/** Calls f now and every few milliseconds while the page is seen, one call at a time. */
export function each(ms, f) {
  let timer;
  const turn = async () => {
    clearTimeout(timer);
    const stop = document.hidden ? false : await f();
    if (stop !== true) timer = setTimeout(turn, ms);
  };
  document.addEventListener("visibilitychange", () => document.hidden || turn());
  turn();
}
