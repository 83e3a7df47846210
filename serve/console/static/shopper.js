// What is known of a shopper, what they did, and what to offer next: each with what is
// behind it.
import { get, id, page, part, query, trying } from "./api.js";
import { card, empty } from "./cards.js";
import { $, count, duration, h, number, percent, price, say, when } from "./dom.js";
import { thumbnail } from "./picture.js";

$("find").addEventListener("submit", (event) => {
  event.preventDefault();
  location.href = page(`shoppers/${part($("user").value.trim())}`);
});
const here = `users/${part(id)}`;
const roads = {
  personal: "By this shopper's own vector.", popular: "Popular in the whole shop.", newest: "The newest: nobody has done anything yet.",
  similar: "What is like the product being viewed.", anchor: "Beside the product being viewed.", popular_in_category: "Popular in the category.",
};

async function show() {
  const [known, list] = await Promise.all([get(here).catch(unknown), get(`${here}/recommendations?${query({ k: 12 })}`)]);
  $("shopper").hidden = false;
  say($("said"), known.why ?? "");
  say($("road"), `${roads[list.road] ?? list.road}${list.why ? ` Not personal: ${list.why}.` : ""}${list.bought ? ` ${count(list.bought, "product")} already bought ${list.bought === 1 ? "is" : "are"} left out.` : ""}`);
  $("next").replaceChildren(...(list.items.length ? list.items.map((p) => card({ ...p, score: undefined }, h("button", { type: "button", "aria-label": `Why ${p.title || p.id}?`, onclick: () => why(p) }, "Why?"))) : [empty("Nothing to offer: no product has a vector.")]));
  profile(known.profile, known.guesses);
  await trying(past);
}

function unknown(error) {
  if (error.status === 404) return { why: error.message };
  throw error;
}

function evidence(e) {
  if (!e?.rows) return null;
  const products = e.products ?? [];
  return h("details", {}, h("summary", {}, count(e.rows, "row")),
    products.length > 0 && h("p", {}, "Products: ", products.slice(0, 5).flatMap((p, i) => [i ? ", " : "", h("a", { href: page(`products/${part(p)}`) }, p)])),
    e.events?.length > 0 && h("p", {}, "Events: ", e.events.slice(0, 5).join(", ")),
    e.reviews?.length > 0 && h("p", {}, "Reviews: ", e.reviews.slice(0, 5).join(", ")));
}

const grades = ["none", "low", "middle", "high"];

function profile(p, guesses) {
  if (!p) return $("profile").replaceChildren(h("p", { class: "quiet" }, "Nothing is told."));
  if (p.bot) return $("profile").replaceChildren(h("p", {}, "These are the events of a program, not of a shopper."));
  const row = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
  const parts = [];
  for (const a of p.attributes ?? []) parts.push(...row(a.name, a.value, h("span", { class: "quiet" }, a.imputed ? " · filled by a rule" : ` · stated, ${a.source}`)));
  for (const g of guesses ?? []) parts.push(...row(g.name, g.value || (g.tags ?? []).map((t) => `${t.value} (${percent(t.confidence)})`).join(", ") || "unknown", h("span", { class: "quiet" }, g.confidence ? ` · guessed, ${percent(g.confidence)} sure` : " · guessed")));
  if (p.price) parts.push(...row("Pays", `${price(p.price.low)} to ${price(p.price.high)}, mostly about ${price(p.price.median)}`, h("span", { class: "quiet" }, ` · ${p.price.band ? `${p.price.band} third of the catalogue · ` : ""}by ${p.price.of}`), evidence(p.price.evidence)));
  if (p.activity?.last) parts.push(...row("Last here", when(p.activity.last)), ...row("Did", Object.entries(p.activity.types).sort((a, b) => b[1] - a[1]).map(([t, n]) => count(n, t)).join(", "), evidence(p.activity.evidence)));
  if (p.value) parts.push(...row("Bought", p.value.baskets ? `${count(p.value.baskets, "basket")}, ${price(p.value.money)} in all` : "nothing yet", p.value.recency_days !== null && p.value.recency_days !== undefined && h("span", { class: "quiet" }, ` · last ${duration(86400 * p.value.recency_days)} ago · frequency ${grades[p.value.frequency_grade]}`), evidence(p.value.evidence)));
  if (p.reviews?.written) parts.push(...row("Reviews", `${number(p.reviews.written)}${p.reviews.mean_rating ? `, on average ${p.reviews.mean_rating.toFixed(1)} of 5` : ""}`, evidence(p.reviews.evidence)));
  const sum = (p.categories ?? []).reduce((n, c) => n + Math.max(0, c.weight), 0);
  $("profile").replaceChildren(
    p.interests?.length ? h("div", {}, h("h3", {}, "Interests"), h("ul", { class: "tags" }, ...p.interests.slice(0, 12).map((i) => h("li", { title: i.stated ? "stated" : `from ${count(i.evidence.rows, "row")}` }, i.tag)))) : "",
    p.categories?.length ? h("div", {}, h("h3", {}, "Categories"), bars(p.categories.slice(0, 6).map((c) => ({ name: c.name, part: sum ? Math.max(0, c.weight) / sum : 0, text: sum ? percent(Math.max(0, c.weight) / sum) : "" })))) : "",
    h("h3", {}, "Known"), h("dl", { class: "known" }, ...parts),
    h("p", { class: "quiet" }, p.profiling === "yes" ? "Has agreed to profiling." : "Has not said anything about profiling; the shop's default was applied."));
}

/** Bars from 0; part is -1 to 1 of the width. */
function bars(rows) {
  return h("div", { class: "bars" }, ...rows.flatMap((r) => [h("span", {}, r.name), h("span", { class: r.part < 0 ? "bar minus" : "bar", style: { "--part": `${100 * Math.min(1, Math.abs(r.part))}%` }, "aria-hidden": "true" }), h("span", {}, r.text)]));
}

const acts = { view: "looked at", click: "clicked", cart: "put into the cart", purchase: "bought", return: "sent back", wishlist: "wished for", dislike: "disliked", share: "shared", search: "searched for", follow: "followed", review: "reviewed" };

async function past() {
  const { events, more } = await get(`${here}/events?${query({ k: 40 })}`).catch((error) => {
    if (error.status === 404) return { events: [] };
    throw error;
  });
  $("history").replaceChildren(events.length === 0 ? h("p", { class: "quiet" }, "Nothing yet.") : h("ul", { class: "history" }, ...events.map((e) => h("li", {},
    thumbnail(e.image, "", 96),
    h("span", {}, `${acts[e.type] ?? e.type} `, e.product ? h("a", { href: page(`products/${part(e.product)}`) }, e.title || e.product) : h("strong", {}, e.query || e.target_user || ""),
      h("br"), h("span", { class: "quiet" }, when(e.time), e.value !== undefined && e.value !== null && ` · ${price(e.value)}`))))),
  more ? h("p", { class: "quiet" }, "The newest 40.") : "");
}

// One thing that speaks for a product, and how much the score falls without it.
function behind(e) {
  const what = { event: acts[e.type] ?? e.type, review: "reviewed", follow: `follows ${e.followed ?? ""}`, attributes: "has stated attributes", photo: "this product's photo", listing: "this product's listing", product_review: "a review of this product" }[e.kind] ?? e.kind;
  return h("li", {}, thumbnail(e.image, "", 96), h("span", {}, `${what} `, e.product ? h("a", { href: page(`products/${part(e.product)}`) }, e.title || e.product) : h("strong", {}, e.query ?? ""),
    h("br"), h("span", { class: "quiet" }, e.time && when(e.time), ` without it the score falls by ${e.drop.toFixed(3)}`)));
}

const groups = { photo: "Photo", text: "Listing", reviews: "Reviews", behaviour: "Behaviour", popularity: "Popularity", social: "Social ties" };

async function why(product) {
  $("why").hidden = false;
  say($("why-title"), `Why ${product.title || product.id}?`);
  $("explanation").replaceChildren(h("p", { class: "quiet" }, "Asking …"));
  $("why-title").focus();
  try {
    const e = await get(`users/${part(id)}/explanations/${part(product.id)}`);
    const shares = Object.entries(e.shares);
    const top = Math.max(...shares.map(([, v]) => Math.abs(v)), 1e-9);
    $("explanation").replaceChildren(h("p", {}, e.sentence),
      bars(shares.map(([name, v]) => ({ name: groups[name] ?? name, part: v / top, text: `${v < 0 ? "−" : "+"}${Math.abs(v).toFixed(3)}` }))),
      h("p", { class: "quiet" }, `The shares add up to the score of ${e.score.toFixed(3)}, less the ${e.baseline.toFixed(3)} it would have if nothing were known.${e.why ? ` Not personal: ${e.why}.` : ""}`),
      e.evidence.length > 0 && h("div", {}, h("h3", {}, "Nearest evidence"), h("ul", { class: "history" }, ...e.evidence.slice(0, 6).map(behind)))  || "");
  } catch (error) {
    $("explanation").replaceChildren(h("p", { class: "why" }, error.message));
  }
}

if (id) trying(show);
else $("user").focus();
