// Where the shop stands, asked for every second and a half while the page is seen.
import { fine, get, page, part, problem } from "./api.js";
import { $, bytes, count, duration, each, h, number, percent, say, when } from "./dom.js";
import { plain, title } from "./reasons.js";

const every = 1500, kept = 240; // samples of the chart: six minutes
const samples = [];
let before = new Map(); // worker → its report before the one that is shown
let current = new Map();

each(every, async () => {
  try {
    show(await get("overview"));
    fine();
    $("pulse").className = "pulse live";
    say($("pulse"), "Live");
  } catch (error) {
    problem(error);
    $("pulse").className = "pulse lost";
    say($("pulse"), "Not up to date");
  }
});

function show(o) {
  backlog(o.backlog);
  const paces = rates(o.workers);
  figure("rate", number(Math.round(10 * paces.rate) / 10), "items/s", o.workers.length === 0 ? "no worker reports" : `${count(paces.done, "item")} done since the workers began`);
  crew(o, paces);
  const known = sum(o.workers, "cached"), made = sum(o.workers, "encoded");
  figure("cached", known + made ? percent(known / (known + made)).replace(" %", "") : "–", known + made ? "%" : "", known + made ? `${number(known)} of ${count(known + made, "content")} not encoded again` : "nothing was encoded yet");
  figure("products", number(o.products), "", o.generation ? `with a vector, ${bytes(o.bytes)} in memory` : "being read into memory");
  if (o.dead) letters(o.dead);
}

function figure(id, value, unit, more) {
  const shown = `${value} ${unit}`;
  if ($(id).textContent.trim() !== shown.trim()) $(id).replaceChildren(value, " ", h("small", {}, unit));
  say($(`${id}-more`), more);
}

const sum = (workers, field) => workers.reduce((n, w) => n + Object.values(w[field]).reduce((a, b) => a + b, 0), 0);

function backlog(b) {
  if (!b) return figure("work", "–", "", "this server knows no queue");
  const items = b.waiting + b.delayed + b.unissued;
  const [value, ...unit] = (items ? duration(b.work_seconds) : "none").split(" ");
  figure("work", value, unit.join(" "), items ? `${count(items, "item")}, the first waits ${duration(b.oldest_seconds)}` : "everything is up to date");
  $("work").parentElement.classList.toggle("warm", b.workers === 0 && items > 0);
  samples.push(b.work_seconds);
  if (samples.length > kept) samples.shift();
  chart();
  const busy = b.queues.filter((q) => q.waiting + q.delayed || q.paused);
  $("queues").replaceChildren(...(busy.length === 0 ? [] : [h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, ...["Queue", "Waiting", "Put off", "Oldest", "Work"].map((t, i) => h("th", { scope: "col", class: i && "n" }, t)))),
    h("tbody", {}, ...busy.map((q) => h("tr", {}, h("td", {}, queueName(q.queue), q.paused && h("strong", {}, " paused")), ...[number(q.waiting), number(q.delayed), duration(q.oldest_seconds), duration(q.work_seconds)].map((t) => h("td", { class: "n" }, t)))))))]));
}

const names = { "image:embed": "Photos", "text:embed": "Texts", "product:fuse": "Product vectors", "user:fuse": "Shopper vectors" };
function queueName(q) {
  const at = q.lastIndexOf(":");
  return `${names[q.slice(0, at)] ?? q.slice(0, at)}, ${q.slice(at + 1)}`;
}

function chart() {
  const top = Math.max(1, ...samples), x = (i) => 600 - (samples.length - 1 - i) * (600 / (kept - 1)), y = (s) => 150 - 140 * (s / top);
  const svg = (name, props) => { const e = document.createElementNS("http://www.w3.org/2000/svg", name); for (const [k, v] of Object.entries(props)) e.setAttribute(k, v); return e; };
  const line = samples.map((s, i) => `${x(i).toFixed(1)},${y(s).toFixed(1)}`).join(" ");
  $("chart").replaceChildren(svg("path", { class: "base", d: "M0 150H600" }), svg("polygon", { class: "area", points: `${x(0)},150 ${line} 600,150` }), svg("polyline", { class: "line", points: line }));
  const span = duration(((samples.length - 1) * every) / 1000);
  say($("chart-said"), `Work of one worker, over the last ${span}; the peak is ${duration(Math.max(...samples))}. Drawn while this page is open.`);
}

// rates compares the two last reports of each worker.
function rates(workers) {
  const paces = { rate: 0, done: 0, of: new Map() };
  for (const w of workers) {
    const last = current.get(w.name);
    if (last && last.at !== w.at) before.set(w.name, last);
    current.set(w.name, w);
    const then = before.get(w.name), seconds = then && (Date.parse(w.at) - Date.parse(then.at)) / 1000;
    const rate = seconds > 0 ? Math.max(0, w.done - then.done) / seconds : undefined;
    paces.of.set(w.name, rate);
    paces.rate += rate ?? 0;
    paces.done += w.done;
  }
  return paces;
}

function crew(o, paces) {
  const n = o.workers.length, wanted = o.backlog?.workers_wanted ?? 0, working = o.backlog?.workers ?? n;
  figure("workers", number(working), working === 1 ? "runs" : "run", wanted ? `${count(wanted, "is", "are")} enough to be done in ${duration(o.backlog.target_seconds)}` : "nothing waits for them");
  $("workers").parentElement.classList.toggle("bad", n === 0);
  if (n === 0) return $("crew").replaceChildren(h("p", { class: "empty" }, "No worker reports. Start one with ", h("code", {}, "weft worker"), ", or everything on one machine with ", h("code", {}, "weft up"), "."));
  $("crew").replaceChildren(h("div", { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "crew-title" }, h("table", {},
    h("thead", {}, h("tr", {}, ...["Name", "Rate", "In hand", "Done", "Photo takes", "Since"].map((t, i) => h("th", { scope: "col", class: i > 0 && i < 5 && "n" }, t)))),
    h("tbody", {}, ...o.workers.map((w) => {
      const rate = paces.of.get(w.name), photo = w.seconds["image:embed"];
      return h("tr", {}, h("td", {}, w.name, w.draining && h("span", { class: "quiet" }, " draining")),
        ...[rate === undefined ? "…" : `${number(Math.round(10 * rate) / 10)} /s`, number(w.in_hand), number(w.done), photo ? `${Math.round(1000 * photo)} ms` : "–"].map((t) => h("td", { class: "n" }, t)), h("td", {}, when(w.started)));
    })))));
}

let shownLetters = "";
function letters(dead) {
  figure("dead", number(dead.total), "", dead.total ? dead.reasons.slice(0, 2).map((r) => `${number(r.letters)} ${title(r.reason).toLowerCase()}`).join(", ") : "nothing was given up");
  $("dead").parentElement.classList.toggle("bad", dead.total > 0);
  const now = JSON.stringify(dead.last);
  if (now === shownLetters) return; // a link that is focused stays
  shownLetters = now;
  $("last").replaceChildren(dead.last.length === 0 ? h("p", { class: "empty" }, "None. What weft cannot read turns up here, with the reason.")
    : h("ul", { class: "mini" }, ...dead.last.map((l) => h("li", {}, h("span", { class: "reason" }, title(l.reason)),
      l.product ? h("a", { href: page(`products/${part(l.product)}`) }, l.name ? `${l.product} / ${l.name}` : l.product) : h("span", {}, l.key),
      h("span", { class: "quiet" }, plain(l.message), " · ", when(l.time))))),
  dead.last.length > 0 && h("p", { class: "actions" }, h("a", { href: page("deadletters") }, `All ${count(dead.total, "dead letter")}`)) || "");
}
