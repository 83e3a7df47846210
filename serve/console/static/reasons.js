// What the reasons of dead letters mean, and what to do. The list is closed: see tasks.
const told = {
  bad_id: ["Bad name", "Rename the folder or file: letters, digits, and _ . : - inside."],
  empty: ["Empty file", "The file has no bytes. Upload it again."],
  not_an_image: ["Not an image", "The file is no photo, whatever its name says. Replace it."],
  unsupported: ["Unsupported kind", "Convert the photo to JPEG, PNG, WebP or GIF."],
  truncated: ["Cut off", "The file ends before the picture does: its upload was cut. Upload it again."],
  corrupt: ["Damaged", "The file contradicts its own format. Export the photo anew."],
  too_many_bytes: ["File too large", "Export it smaller; the limit is 32 MiB."],
  too_many_pixels: ["Too many pixels", "Scale the photo down; the limit is 64 megapixels and 30,000 pixels a side."],
  too_many_frames: ["Too many frames", "Shorten the animation; only its first frame counts."],
  bad_json: ["Listing is no JSON", "Write the listing anew, here or as product.json."],
  bad_listing: ["Bad listing", "A field has the wrong type or range; the message names it."],
  empty_text: ["Nothing to read", "Give the listing a title or a description."],
  encoder_failed: ["Encoder failed", "Try again; if it stays, tell whoever runs the fleet."],
  not_finite: ["Encoder gave no number", "Tell whoever runs the fleet."],
  bad_payload: ["Unreadable task", "Workers are older than the scheduler: update them, then try again."],
  timeout: ["Took too long", "Try again when the fleet has less to do."],
  retries: ["Failed at every try", "The message says how. Mend the cause, then try again."],
  crashed: ["Crashed its decoder", "Replace the photo; it is set aside so that it does no more harm."],
  bad_field: ["Bad field in a row", "Correct the row and send it again."],
  bad_time: ["Bad time in a row", "Correct the time and send the row again."],
  id_conflict: ["Id used twice", "Another row of this id was first. Give the row an id of its own."],
};

export const title = (reason) => told[reason]?.[0] ?? reason;
export const advice = (reason) => told[reason]?.[1] ?? "";
/** The message without the code that the reason says already. */
export const plain = (message) => message.replace(/^(pixels|listing): (?:[a-z_]+: )?/, "").replace(/(\d)x(\d)/g, "$1 × $2");
