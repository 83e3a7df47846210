// What was given up, why, and what to do.
import { get, page, part, post, query, trying } from "./api.js";
import { $, ask, count, h, number, say, when } from "./dom.js";
import { original } from "./picture.js";
import { advice, plain, title } from "./reasons.js";

let reason = new URLSearchParams(location.search).get("reason") ?? "", next = "", total = 0, turn = 0;

async function list(more) {
  const mine = ++turn;
  await trying(async () => {
    const [found, o] = await Promise.all([get(`deadletters?${query({ reason, after: more ? next : "", k: 40 })}`), get("overview")]);
    if (mine !== turn) return;
    next = found.next ?? "";
    reasons(o.dead);
    const rows = found.letters.map(letter);
    if (more) $("letters").append(...rows);
    else $("letters").replaceChildren(...(rows.length ? rows : [h("li", { class: "empty" }, reason ? "None with this reason." : "None: everything that came in could be read. What cannot be turns up here, with the photo, the reason and what to do.")]));
    $("more").hidden = !next;
  });
  $("letters").removeAttribute("aria-busy");
}

let chips = "";
function reasons(dead) {
  total = reason ? dead.reasons.find((r) => r.reason === reason)?.letters ?? 0 : dead.total;
  say($("count"), dead.total ? count(dead.total, "letter") : "");
  const now = JSON.stringify([dead.reasons, dead.total]);
  if (now !== chips) {
    chips = now;
    const focused = document.activeElement?.id;
    const chip = (value, text, n) => [h("input", { type: "radio", name: "reason", id: `r-${value}`, value, checked: value === reason, onchange: () => choose(value) }), h("label", { for: `r-${value}` }, `${text} `, h("span", {}, number(n)))];
    $("reasons").replaceChildren(...(dead.total ? [...chip("", "All", dead.total), ...dead.reasons.flatMap((r) => chip(r.reason, title(r.reason), r.letters))] : []));
    if (focused?.startsWith("r-")) $(focused)?.focus();
  }
  $("all").hidden = total < 2;
  say($("retry-all"), `Try all ${number(total)} again`);
  say($("drop-all"), `Drop all ${number(total)} …`);
}

function choose(value) {
  reason = value;
  history.replaceState(null, "", value ? `?${query({ reason })}` : location.pathname);
  list();
}

// Photos that would burden the browser, or are none, are not shown.
const unseen = new Set(["too_many_pixels", "too_many_bytes", "too_many_frames", "not_an_image", "empty", "crashed"]);

function letter(l) {
  const picture = l.name && l.product && !unseen.has(l.reason) ? original(l.product, l.name) : h("div", { class: "picture" }, h("span", {}, l.name ? "not shown" : l.input ? "a row" : "no photo"));
  const what = l.product ? (l.name ? `${l.product} / ${l.name}` : l.product) : l.key;
  const act = (how) => async (event) => {
    if (how === "drop" && !await sure(what)) return;
    event.target.disabled = true;
    await settle(how, { keys: [l.key] });
    event.target.disabled = false;
  };
  return h("li", { "data-key": l.key }, picture,
    h("div", {}, h("h2", {}, l.product ? h("a", { href: page(`products/${part(l.product)}`) }, what) : what),
      h("p", {}, h("span", { class: "reason" }, title(l.reason)), " ", h("span", { class: "quiet" }, when(l.time), ` · ${count(l.attempts, "attempt")} · at ${l.stage}`)),
      h("p", {}, plain(l.message)), h("p", { class: "quiet" }, advice(l.reason)), l.input && h("p", {}, h("code", {}, l.input))),
    h("div", { class: "actions" },
      l.retriable && h("button", { type: "button", "aria-label": `Try ${what} again`, onclick: act("retry") }, "Try again"),
      h("button", { type: "button", class: "plain", "aria-label": `Drop ${what}`, onclick: act("drop") }, "Drop …")));
}

async function settle(how, choice) {
  await trying(async () => {
    const done = await post(`deadletters/${how}`, choice);
    await list();
    say($("count"), `${count(done.changed, "letter")} ${how === "retry" ? "being tried again" : "dropped"}${done.skipped ? `; ${done.skipped} are not in the bucket any more` : ""}. ${$("letters").querySelector("[data-key]") ? "" : "None is left."}`);
    if (how === "retry") again();
  });
}

// What is tried again and fails again comes back within moments.
function again() {
  let left = 8;
  const turn = setInterval(async () => { if (--left < 0) clearInterval(turn); else await list(); }, 1500);
}

const sure = (what) => ask($("sure"), () => say($("sure-what"), `${what}: weft will not try again, and counts it as declined.`));
const choice = () => (reason ? { reason } : { all: true });
$("retry-all").addEventListener("click", () => settle("retry", choice()));
$("drop-all").addEventListener("click", async () => { if (await sure(count(total, "letter"))) settle("drop", choice()); });
$("more").addEventListener("click", () => list(true));
$("filter").addEventListener("submit", (event) => event.preventDefault());

list();
