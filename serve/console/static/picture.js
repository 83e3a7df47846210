// Photos of the shop. They are fetched like everything else, with the token, when they
// are about to be seen.
import { part, query, raw } from "./api.js";
import { h } from "./dom.js";

const drawn = new Map(); // path → promise of an address in this page, the newest last
const most = 600;

function address(path) {
  let url = drawn.get(path);
  if (url) return url;
  url = raw(path).then((answer) => answer.blob()).then((b) => URL.createObjectURL(b));
  url.catch(() => drawn.delete(path)); // it may be there later
  drawn.set(path, url);
  if (drawn.size > most) {
    const [oldest, old] = drawn.entries().next().value;
    drawn.delete(oldest);
    old.then((u) => URL.revokeObjectURL(u), () => {});
  }
  return url;
}

const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    show(target);
  }
}, { rootMargin: "300px" });

async function show(frame) {
  try {
    const img = h("img", { alt: frame.dataset.alt, src: await address(frame.dataset.path) });
    await img.decode();
    frame.replaceChildren(img);
  } catch {
    frame.replaceChildren(h("span", {}, frame.dataset.without));
  }
}

function frame(path, alt, without) {
  const f = h("div", { class: "picture" });
  if (!path) {
    f.append(h("span", {}, without));
    return f;
  }
  Object.assign(f.dataset, { path, alt, without });
  seen.observe(f);
  return f;
}

/** A small picture of a photo that a worker has read. */
export const thumbnail = (key, alt = "", size = 320) => frame(key && `thumbnails?${query({ key, size })}`, alt, key ? "no picture yet" : "text only");

/** The photo as it was stored, drawn by the browser as far as it can. */
export const original = (product, name, alt = "") => frame(`products/${part(product)}/images/${part(name)}`, alt, "cannot be shown");
