/** Small helpers to make elements and write figures. */

/**
 * An element with attributes, listeners (`onclick`) and children; null and false children are left out.
 * @param {string} tag
 * @param {Object<string, any>} [attributes]
 * @param {...any} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** `1234567` as `1,234,567`. @param {number} value */
export const number = (value) => WHOLE.format(value);

/** A value as it is read: a number with four significant digits, a moment without its seconds. @param {any} value */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return MOMENT.test(value) ? value.slice(0, 16).replace("T", " ") : String(value);
  return Math.abs(value) >= 1000 || Number.isInteger(value) ? number(value) : String(Number(value.toPrecision(4)));
}

const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 4 });

/** A value for a narrow column: `1467312` as `1.467M`. @param {any} value */
export const compact = (value) => (typeof value === "number" && Math.abs(value) >= 100_000 ? COMPACT.format(value) : figure(value));

/** `0.1234` as `12 %`. @param {number|null|undefined} value */
export const percent = (value) => (value === null || value === undefined ? "–" : `${Math.round(100 * value)} %`);

/** A column's name in words. @param {string} name */
export const words = (name) => name.replaceAll("_", " ");

/** Minutes in words. @param {number} minutes */
export function span(minutes) {
  if (minutes < 1) return "a minute";
  if (minutes < 90) return `${Math.round(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${String(Math.round(minutes % 60)).padStart(2, "0")} min` : `${Math.round(hours / 24)} days`;
}

/** `2026-11-20T10:32:11+00:00` as `10:32 UTC`, with the day where it is another one. @param {string|null} iso */
export function clock(iso) {
  if (!iso) return "";
  const text = new Date(iso).toISOString();
  const day = text.slice(0, 10) === new Date().toISOString().slice(0, 10) ? "" : `${text.slice(0, 10)} `;
  return `${day}${text.slice(11, 16)} UTC`;
}

/** What it is to accept: a photo's class is confirmed, a flagged row is taken as it is. */
export const ACCEPTED = document.querySelector(".v-rows") ? "accepted" : "confirmed";

/** What a state is called, and how it is coloured. @param {import("./verify-store.js").Candidate} one */
export function mark(one) {
  switch (one.state) {
    case "accept": return { text: ACCEPTED === "accepted" ? "Accepted" : "Confirmed", kind: "good" };
    case "correct": return { text: `→ ${one.corrected}`, kind: "info" };
    case "reject": return { text: "Rejected", kind: "bad" };
    case "skip": return { text: "Skipped", kind: "warn" };
    case "aside": return { text: "Set aside", kind: "warn" };
    default: return null;
  }
}
