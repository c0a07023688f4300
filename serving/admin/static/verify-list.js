/**
 * The list of candidates, as cards or as rows of a table. Only what can be seen is in the page, however long the
 * list is.
 */
import { compact, figure, h, mark, percent, words } from "./verify-dom.js";

/** @typedef {import("./verify-store.js").Candidate} Candidate */

const OVERSCAN = 2; // lines above and below what can be seen
const CARD = { least: 128, gap: 8, caption: 24 };
const ROW = 48;

export class List {
  /**
   * @param {HTMLElement} root
   * @param {import("./verify-store.js").Store} store
   * @param {import("./verify-photos.js").Photos|null} photos null: rows of a table
   * @param {string[]} columns values that a row shows
   * @param {{pick: (place: number, event: MouseEvent) => void, nearEnd: () => void}} hooks
   */
  constructor(root, store, photos, columns, hooks) {
    this.root = root;
    this.store = store;
    this.photos = photos;
    this.columns = columns;
    this.hooks = hooks;
    /** @type {Map<number, HTMLElement>} id -> what is shown of it */
    this.shown = new Map();
    this.space = h("div", { class: "v-space", role: photos ? "presentation" : "rowgroup" });
    this.across = 1;
    this.#prepare();
    root.addEventListener("scroll", () => this.render(), { passive: true });
    new ResizeObserver(() => this.layout()).observe(root);
    this.space.addEventListener("click", (event) => this.#click(event));
  }

  #prepare() {
    const { root } = this;
    root.tabIndex = 0;
    root.setAttribute("aria-label", "Candidates");
    root.setAttribute("aria-multiselectable", "true");
    root.setAttribute("role", this.photos ? "listbox" : "grid");
    root.replaceChildren(this.space);
    if (this.photos) return;
    const cells = ["key", "label", "reason", ...this.columns].map((name, place) =>
      h("span", { role: "columnheader", class: place > 2 ? "v-num" : `v-${name}` }, words(name)));
    root.prepend(h("div", { class: "v-row v-headrow", role: "row", "aria-rowindex": 1 }, cells));
    root.style.setProperty("--v-columns", String(Math.max(1, this.columns.length)));
  }

  /** @returns {number} lines that fit into view */
  get linesInView() {
    return Math.max(1, Math.floor(this.root.clientHeight / this.line));
  }

  /** Work out how many fit side by side. */
  layout() {
    const width = this.root.clientWidth - 2 * (this.photos ? CARD.gap : 0);
    if (this.photos) {
      this.across = Math.max(width < 400 ? 3 : 2, Math.floor((width + CARD.gap) / (CARD.least + CARD.gap)));
      this.width = (width - CARD.gap * (this.across - 1)) / this.across;
      this.line = this.width + CARD.caption + CARD.gap;
    } else {
      this.width = width;
      this.line = ROW;
    }
    for (const element of this.shown.values()) element.remove();
    this.shown.clear();
    this.render();
  }

  /** Put into the page what can be seen, and take out what cannot. */
  render() {
    if (!this.line) return;
    const { items } = this.store;
    const lines = Math.ceil(items.length / this.across);
    this.space.style.height = `${lines * this.line + (this.photos ? CARD.gap : 0)}px`;
    const top = this.root.scrollTop / this.line;
    const first = Math.max(0, Math.floor(top - OVERSCAN)) * this.across;
    const end = Math.min(items.length, Math.ceil(top + this.root.clientHeight / this.line + OVERSCAN) * this.across);
    const wanted = new Set();
    for (let place = first; place < end; place++) wanted.add(items[place].id);
    const focused = this.store.current;
    if (focused) wanted.add(focused.id); // assistive technology asks for it by its id
    for (const [id, element] of this.shown) {
      if (wanted.has(id)) continue;
      element.remove();
      this.shown.delete(id);
    }
    for (const id of wanted) this.#place(id);
    if (!this.photos) this.root.setAttribute("aria-rowcount", String(items.length + 1));
    if (end > items.length - 3 * this.across * this.linesInView) this.hooks.nearEnd();
  }

  /** Draw one again, if it is in the page. @param {number} id */
  refresh(id) {
    const one = this.store.get(id);
    const element = this.shown.get(id);
    if (one && element) this.#fill(element, one);
  }

  /** Show which one is in focus and which are selected. */
  mark() {
    const focused = this.store.current;
    for (const [id, element] of this.shown) {
      element.classList.toggle("v-current", id === focused?.id);
      element.setAttribute("aria-selected", String(this.store.selection.has(id)));
    }
    if (focused) this.root.setAttribute("aria-activedescendant", `v-${focused.id}`);
    else this.root.removeAttribute("aria-activedescendant");
  }

  /** Scroll so that the focused one can be seen. */
  reveal() {
    const line = Math.floor(this.store.focus / this.across);
    if (line < 0) return;
    const head = this.photos ? 0 : ROW;
    const top = line * this.line;
    const low = this.root.scrollTop;
    const high = low + this.root.clientHeight - head;
    if (top < low) this.root.scrollTop = top;
    else if (top + this.line > high) this.root.scrollTop = top + this.line - (high - low);
    this.render();
    this.mark();
  }

  /** Start again from the top. */
  reset() {
    for (const element of this.shown.values()) element.remove();
    this.shown.clear();
    this.root.scrollTop = 0;
    this.render();
    this.mark();
  }

  /** @param {number} id */
  #place(id) {
    if (this.shown.has(id)) return;
    const place = /** @type {number} */ (this.store.places.get(id));
    const one = this.store.items[place];
    const element = this.photos ? this.#card(one) : this.#row(one);
    element.id = `v-${id}`;
    const left = (place % this.across) * (this.width + CARD.gap) + (this.photos ? CARD.gap : 0);
    const top = Math.floor(place / this.across) * this.line + (this.photos ? CARD.gap : 0);
    element.style.transform = `translate(${left}px, ${top}px)`;
    element.style.width = `${this.width}px`;
    element.style.height = `${this.line - (this.photos ? CARD.gap : 0)}px`;
    element.dataset.place = String(place);
    element.setAttribute(this.photos ? "aria-posinset" : "aria-rowindex", String(place + (this.photos ? 1 : 2)));
    if (this.photos) element.setAttribute("aria-setsize", "-1");
    element.setAttribute("aria-selected", String(this.store.selection.has(id)));
    element.classList.toggle("v-current", id === this.store.current?.id);
    this.#fill(element, one);
    this.shown.set(id, element);
    this.space.append(element);
  }

  /** @param {Candidate} one */
  #card(one) {
    const photos = /** @type {import("./verify-photos.js").Photos} */ (this.photos);
    return h("div", { class: "v-card", role: "option" },
      h("span", { class: "v-thumb" },
        h("img", { src: photos.url(one.id, photos.thumb), alt: "", decoding: "async", draggable: "false" }),
        h("span", { class: "v-note" })),
      h("span", { class: "v-caption" }, h("span", { class: "v-name" }), h("span", { class: "v-sure" })));
  }

  /** @param {Candidate} one */
  #row(one) {
    const values = new Map(one.values);
    return h("div", { class: "v-row", role: "row" },
      h("span", { role: "gridcell", class: "v-key", title: one.name },
        one.name.split(" · ").map((part) => h("span", { class: "v-part" }, part))),
      h("span", { role: "gridcell", class: "v-label" }),
      h("span", { role: "gridcell", class: "v-reason", title: one.flag }, one.flag ?? ""),
      this.columns.map((name) => h("span", { role: "gridcell", class: "v-num", title: figure(values.get(name)) }, compact(values.get(name)))));
  }

  /** @param {HTMLElement} element @param {Candidate} one */
  #fill(element, one) {
    const told = mark(one);
    const tag = told && h("span", { class: `tag ${told.kind}` }, told.text);
    element.classList.toggle("v-done", !["waiting", "aside"].includes(one.state));
    element.dataset.state = one.state;
    if (!this.photos) {
      element.querySelector(".v-label")?.replaceChildren(...[one.label ?? "–", tag].filter((part) => part !== null));
      return;
    }
    const sure = one.confidence === null ? "" : percent(one.confidence);
    /** @type {HTMLElement} */ (element.querySelector(".v-name")).textContent = one.label ?? "no class";
    /** @type {HTMLElement} */ (element.querySelector(".v-sure")).textContent = sure;
    const noticed = one.kind && (one.state === "waiting" || one.state === "aside") ? one.kind : "";
    element.querySelector(".v-note")?.replaceChildren(...[noticed || tag].filter(Boolean));
    element.setAttribute("aria-label", [one.label ?? "no class", sure, told?.text, noticed].filter(Boolean).join(", "));
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const element = /** @type {Element} */ (event.target).closest("[data-place]");
    if (element instanceof HTMLElement) this.hooks.pick(Number(element.dataset.place), event);
  }
}
