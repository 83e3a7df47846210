// Products as pictures with words.
import { page, part } from "./api.js";
import { h, price } from "./dom.js";
import { thumbnail } from "./picture.js";

/** One product in a grid. more are further elements, below its link. */
export function card(p, ...more) {
  const facts = [p.category, price(p.price)].filter(Boolean).join(" · ");
  return h("li", { class: "product", "data-product": p.id },
    h("a", { href: page(`products/${part(p.id)}`) },
      thumbnail(p.image),
      h("span", { class: "words" }, p.title || p.id),
      facts && h("span", { class: "facts" }, facts),
      p.score !== undefined && likeness(p.score)),
    more);
}

function likeness(score) {
  return h("span", { class: "facts" }, `likeness ${score.toFixed(2)}`, h("span", { class: "score", style: { "--part": `${100 * Math.max(0, score)}%` }, "aria-hidden": "true" }));
}

export const empty = (...text) => h("li", { class: "empty wide" }, ...text);

/** Lets photos be dropped on, or chosen in, part of the page. */
export function takePhotos(zone, input, take) {
  const over = (on) => (event) => { event.preventDefault(); zone.classList.toggle("over", on); };
  zone.addEventListener("dragenter", over(true));
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => { over(false)(event); take([...event.dataTransfer.files]); });
  input.addEventListener("change", () => { take([...input.files]); input.value = ""; });
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault()); // beside it: the browser would leave the page
}

export const largest = 32 * 1024 * 1024; // bytes of a photo

/** Why a file is not sent, or nothing. What is in it is judged by the worker. */
export function refusal(file) {
  if (!/\.(jpe?g|png|webp|gif)$/i.test(file.name)) return "not a JPEG, PNG, WebP or GIF by its name";
  if (file.size > largest) return "larger than 32 MiB";
  if (file.size === 0) return "no bytes";
}
