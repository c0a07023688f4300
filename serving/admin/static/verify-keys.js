/**
 * Which command a key press means. Keys that belong to the browser, or to a field that is being typed in, mean
 * none.
 *
 * @typedef {{name: string, label?: string, text?: string, step?: string, extend?: boolean}} Command
 */

const MOVES = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  Home: "first", End: "last", PageUp: "page-up", PageDown: "page-down",
};
const LETTERS = { x: "reject", s: "skip", u: "undo", v: "range", c: "type", "?": "help", "/": "filter" };

/**
 * @param {KeyboardEvent} event
 * @param {Map<string, string>} classes key -> class
 * @param {{single: boolean, dialog: boolean}} situation whether single keys are on, and whether a dialog is open
 * @returns {Command|null}
 */
export function commandOf(event, classes, { single, dialog }) {
  if (event.defaultPrevented || event.isComposing || dialog) return null;
  const target = /** @type {Element} */ (event.target);
  if (isTyping(target)) return event.key === "Escape" ? { name: "escape" } : null;
  const key = plainKey(event);
  if (event.ctrlKey || event.metaKey) {
    return key === "z" && !event.shiftKey && !event.altKey ? { name: "undo" } : null;
  }
  if (event.altKey) return null;
  if (event.key === "Escape") return { name: "escape" };
  if (event.key in MOVES) {
    return { name: "move", step: MOVES[event.key], extend: event.shiftKey };
  }
  if (event.key === "Enter" || event.key === " ") {
    if (isControl(target) || event.repeat || event.shiftKey || !(single || isList(target))) return null;
    return { name: "accept" };
  }
  if (event.repeat || !single) return null;
  if (event.key === "Backspace" || event.key === "Delete") return { name: "reject" };
  if (event.shiftKey && /^\p{Lu}$/u.test(event.key)) return { name: "type", text: event.key };
  const label = classes.get(key);
  if (label !== undefined) return { name: "correct", label };
  return key in LETTERS ? { name: LETTERS[key] } : null;
}

/**
 * The letter of a key, also on a keyboard whose letters are not Latin ones.
 * @param {KeyboardEvent} event
 */
export function plainKey(event) {
  const key = event.key.toLowerCase();
  if (key.length === 1 && key > "\u007f" && /^Key[A-Z]$/.test(event.code)) return event.code.slice(3).toLowerCase();
  return key;
}

/** @param {Element} target */
function isTyping(target) {
  if (!target.matches) return false;
  if (target.matches("input[type=checkbox], input[type=radio], input[type=button], input[type=submit]")) return false;
  return target.matches("input, textarea, select, [contenteditable]");
}

/** @param {Element} target */
function isControl(target) {
  return Boolean(target.closest?.("button, a[href], summary, input, label"));
}

/** @param {Element} target */
function isList(target) {
  return Boolean(target.closest?.("#verify-list"));
}
