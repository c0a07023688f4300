/** A field in which the name of a class is typed: a combobox as the ARIA practices have it. */
import { h } from "./verify-dom.js";

const MOST = 8;

/**
 * Classes that fit what was typed: those that begin with it first, then those that have it inside.
 * @param {string[]} classes
 * @param {string} text
 */
export function matching(classes, text) {
  const wanted = text.trim().toLowerCase();
  const begins = classes.filter((name) => name.toLowerCase().startsWith(wanted));
  const holds = classes.filter((name) => !begins.includes(name) && name.toLowerCase().includes(wanted));
  return [...begins, ...holds].slice(0, MOST);
}

export class TypeAhead {
  /** @param {string[]} classes @param {(label: string) => void} choose */
  constructor(classes, choose) {
    this.classes = classes;
    this.choose = choose;
    this.active = 0;
    this.options = h("ul", { id: "verify-type-options", role: "listbox", "aria-label": "Classes" });
    this.input = h("input", { id: "verify-type", role: "combobox", "aria-expanded": "true", autocomplete: "off",
      spellcheck: "false", "aria-autocomplete": "list", "aria-controls": "verify-type-options", "aria-label": "Correct to: type a class",
      oninput: () => this.#list(0), onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      onblur: () => this.close() });
    this.root = h("div", { class: "v-type", hidden: true }, this.input, this.options);
    this.opener = h("button", { type: "button", class: "v-opener", "aria-keyshortcuts": "c", onclick: () => this.open() },
      h("kbd", {}, "c"), " Type …");
  }

  /** @param {string} [text] what was typed already */
  open(text = "") {
    this.root.hidden = false;
    this.input.value = text;
    this.input.focus();
    this.#list(0);
  }

  close() {
    this.root.hidden = true;
  }

  /** @param {number} active */
  #list(active) {
    const found = matching(this.classes, this.input.value);
    this.active = found.length ? (active + found.length) % found.length : 0;
    this.options.replaceChildren(...found.map((name, place) =>
      h("li", { id: `verify-type-${place}`, role: "option", "aria-selected": String(place === this.active),
        // before the blur that closes the list
        onpointerdown: (/** @type {Event} */ event) => { event.preventDefault(); this.#take(name); } }, name)));
    if (!found.length) this.options.replaceChildren(h("li", { class: "soft", role: "option", "aria-selected": "false", "aria-disabled": "true" }, "No class is called so."));
    if (found.length) this.input.setAttribute("aria-activedescendant", `verify-type-${this.active}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  /** @param {string} name */
  #take(name) {
    this.close();
    document.getElementById("verify-list")?.focus({ preventScroll: true });
    this.choose(name);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    const found = matching(this.classes, this.input.value);
    if (event.key === "ArrowDown") this.#list(this.active + 1);
    else if (event.key === "ArrowUp") this.#list(this.active - 1);
    else if (event.key === "Enter" && found.length) this.#take(found[this.active]);
    else if (event.key === "Escape") {
      this.close();
      document.getElementById("verify-list")?.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
