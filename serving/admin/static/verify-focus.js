/** The candidate in focus, shown large, with what is known of it and the buttons to decide. */
import { clock, figure, h, mark, number, percent, words } from "./verify-dom.js";
import { NO_PICTURE, hasPicture } from "./verify-store.js";
import { TypeAhead } from "./verify-typeahead.js";

/** @typedef {import("./verify-store.js").Candidate} Candidate */

const SIGNS = { accept: "✓ ", correct: "✓ ", reject: "✗ " };

export class Focus {
  /**
   * @param {HTMLElement} root
   * @param {any} data what the page tells the script
   * @param {import("./verify-photos.js").Photos|null} photos
   * @param {{decide: (decision: string, label?: string|null) => void, undo: () => void,
   *   whole: (one: Candidate) => void, open: (id: number) => void}} hooks
   */
  constructor(root, data, photos, hooks) {
    this.root = root;
    this.data = data;
    this.photos = photos;
    this.hooks = hooks;
    /** @type {Candidate|undefined} */
    this.one = undefined;
    this.picture = h("div", { class: "v-photo" });
    this.box = h("span", { class: "v-face", hidden: true });
    this.figure = h("figure", { class: "v-figurebox" }, this.picture);
    this.side = h("div", { class: "v-side" });
    this.strip = h("div", { class: "v-strip", hidden: true });
    this.actions = data.mayDecide ? this.#actions() : null;
    this.empty = h("div", { class: "v-empty", hidden: true });
    root.replaceChildren(...[photos && this.figure, this.side, this.actions, this.empty].filter((part) => part !== null));
  }

  #actions() {
    const { hooks, data } = this;
    const press = (/** @type {string} */ decision, /** @type {string|null} */ label = null) =>
      (/** @type {MouseEvent} */ event) => {
        hooks.decide(decision, label);
        if (event.detail > 0) document.getElementById("verify-list")?.focus({ preventScroll: true });
      };
    this.undoButton = h("button", { type: "button", disabled: true, "aria-keyshortcuts": "u Control+Z",
      onclick: () => hooks.undo() }, h("kbd", {}, "u"), " Undo");
    this.subject = h("p", { class: "v-subject soft", hidden: true });
    this.accepting = h("span", {});
    this.obstacle = h("p", { class: "notice warn v-flag", id: "verify-obstacle", hidden: true }, NO_PICTURE);
    this.acceptButton = h("button", { type: "button", class: "primary", "aria-keyshortcuts": "Enter", onclick: press("accept") },
      h("kbd", {}, "⏎"), this.accepting);
    const main = h("div", { class: "v-main" },
      this.acceptButton,
      h("button", { type: "button", "aria-keyshortcuts": "x", onclick: press("reject") }, h("kbd", {}, "x"), " Reject"),
      h("button", { type: "button", "aria-keyshortcuts": "s", onclick: press("skip") }, h("kbd", {}, "s"), " Skip"),
      this.undoButton);
    this.buttons = new Map(data.classes.map((/** @type {string} */ name) => [name,
      h("button", { type: "button", "aria-keyshortcuts": data.keys[name], onclick: press("correct", name) },
        data.keys[name] && h("kbd", {}, data.keys[name]), " ", name)]));
    this.typing = new TypeAhead(data.classes, (label) => hooks.decide("correct", label));
    return h("div", { class: "v-actions" }, this.subject, this.obstacle, main,
      h("div", { class: "v-classes", role: "group", "aria-label": "Correct to" }, [...this.buttons.values()], this.typing.opener),
      this.typing.root);
  }

  /** @param {boolean} can whether there is something to undo */
  set undoable(can) {
    if (this.undoButton) this.undoButton.disabled = !can;
  }

  /** What the buttons are about, where it is more than the one in focus. @param {number} selected */
  set selected(selected) {
    if (!this.subject) return;
    this.subject.hidden = selected === 0;
    this.subject.textContent = `For all ${number(selected)} that are selected:`;
    this.several = selected > 0;
    this.#nameAccepting();
    this.#allow();
  }

  /** What cannot be opened can be confirmed and corrected by nobody: the buttons say so. */
  #allow() {
    const blank = Boolean(this.data.photos && this.one && !this.several && !hasPicture(this.one));
    this.obstacle.hidden = !blank;
    for (const button of [this.acceptButton, ...this.buttons.values(), this.typing.opener]) {
      button.disabled = blank;
      if (blank) button.setAttribute("title", NO_PICTURE);
      else button.removeAttribute("title");
    }
  }

  #nameAccepting() {
    const verb = this.data.photos ? "Confirm" : "Accept";
    this.accepting.textContent = this.several || !this.one?.label ? verb : `${verb} ${this.one.label}`;
  }

  /** @param {Candidate|undefined} one */
  show(one) {
    this.one = one;
    this.root.classList.toggle("v-none", !one);
    this.empty.hidden = Boolean(one);
    this.side.hidden = this.figure.hidden = !one;
    if (this.actions) this.actions.hidden = !one;
    if (!one) {
      this.empty.replaceChildren(h("h2", {}, "Nothing here"), h("p", { class: "soft" },
        this.data.query ? ["No candidate fits this filter. ", h("a", { href: `/verify/${this.data.family}` }, "See all that wait")]
          : "All is verified. New candidates come with the next collection."));
      return;
    }
    if (this.photos) this.#photo(one);
    this.side.replaceChildren(...this.#facts(one).filter((part) => part !== null && part !== false));
    if (this.actions) {
      this.#nameAccepting();
      this.#allow();
    }
    for (const [name, button] of this.buttons ?? []) {
      button.classList.toggle("v-predicted", name === one.label);
      button.setAttribute("aria-pressed", String(one.state === "correct" ? name === one.corrected : one.state === "accept" && name === one.label));
    }
  }

  /** @param {Candidate} one */
  #photo(one) {
    const image = /** @type {any} */ (this.photos).take(one.id);
    image.alt = `Photo, predicted ${one.label ?? "nothing"}`;
    image.dataset.id = String(one.id);
    const [width, height] = one.size ?? [image.naturalWidth || 1, image.naturalHeight || 1];
    if (!one.size && !image.complete) image.addEventListener("load", () => this.one === one && this.#photo(one), { once: true });
    this.picture.style.setProperty("--ratio", String(Math.min(3, Math.max(0.33, width / height))));
    const face = one.face && one.size;
    this.box.hidden = !face;
    if (face) {
      const [x, y, w, tall] = /** @type {number[]} */ (one.face);
      this.box.style.left = `${(100 * x) / width}%`;
      this.box.style.top = `${(100 * y) / height}%`;
      this.box.style.width = `${(100 * w) / width}%`;
      this.box.style.height = `${(100 * tall) / height}%`;
    }
    this.picture.replaceChildren(image, this.box);
  }

  /** @param {Candidate} one */
  #facts(one) {
    const told = mark(one);
    const bar = (/** @type {number} */ value, /** @type {string} */ name) =>
      h("progress", { class: "v-bar", max: 1, value, "aria-label": name });
    const facts = this.photos ? this.#photoFacts(one) : [];
    this.strip.hidden = true;
    return [
      h("div", { class: "v-head" }, h("h2", {}, this.photos ? one.label ?? "No class" : one.name),
        told && h("span", { class: `tag ${told.kind}` }, told.text)),
      !this.photos && h("p", { class: "v-rowlabel" }, "Label ", h("strong", {}, one.label ?? "–")),
      one.confidence !== null && h("div", { class: "v-chances" },
        h("span", { class: "v-chance" }, h("span", {}, one.label ?? ""), bar(one.confidence, `Confidence in ${one.label}`), h("span", { class: "num" }, percent(one.confidence))),
        (one.others ?? []).map(([name, chance]) =>
          h("span", { class: "v-chance v-other" }, h("span", {}, name), bar(chance, `Chance of ${name}`), h("span", { class: "num" }, percent(chance))))),
      one.flag && h("p", { class: "notice warn v-flag" }, one.flag),
      one.kind && this.data.mayDecide && !this.photos &&
        h("button", { type: "button", class: "v-small", onclick: () => this.hooks.whole(one) }, "Decide all rows with this reason …"),
      this.photos && one.twin ? h("figure", { class: "v-twin" },
        h("img", { src: this.photos.url(one.twin, this.photos.thumb), alt: "The photo that it repeats", width: 72, height: 72 }),
        h("figcaption", {}, "repeats this one")) : null,
      this.strip,
      h("dl", { class: "facts v-facts" }, [...facts, ...this.#common(one)].map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      !this.photos && this.#values(one),
    ];
  }

  /** @param {Candidate} one @returns {[string, any][]} */
  #photoFacts(one) {
    /** @type {[string, any][]} */
    const facts = [];
    if (one.size) facts.push(["Size", `${number(one.size[0])} × ${number(one.size[1])}`]);
    if (one.faces !== null && one.faces !== undefined && one.faces !== 1) facts.push(["Faces", number(one.faces)]);
    if (one.sharpness !== null && one.sharpness !== undefined) facts.push(["Sharpness", figure(one.sharpness)]);
    if (one.brightness !== null && one.brightness !== undefined) facts.push(["Brightness", percent(one.brightness)]);
    for (const [name, value] of Object.entries(one.more ?? {})) {
      if (name === "bytes") facts.push(["File", `${number(Math.max(1, value / 1024))} KB`]);
      else facts.push([name === "at" ? "Predicted" : words(name), figure(value)]);
    }
    return facts;
  }

  /** @param {Candidate} one @returns {[string, any][]} */
  #common(one) {
    /** @type {[string, any][]} */
    const facts = [];
    if (one.user) {
      const link = `?${new URLSearchParams({ user: one.user, state: "any" })}`;
      facts.push([this.data.entity, h("a", { href: link }, one.user)]);
    }
    facts.push(["Collected", one.day]);
    if (one.version) facts.push(["Model version", one.version]);
    if (one.by) facts.push(["Decided", `${one.by}, ${clock(one.at)}`]);
    return facts;
  }

  /** @param {Candidate} one */
  #values(one) {
    return h("dl", { class: "facts v-values" }, (one.values ?? []).map(([name, value]) => {
      const text = figure(value);
      const meant = typeof value === "number" && Math.abs(value) >= 1 && new RegExp(`(^|[^\\d,])${text}($|[^\\d,])`).test(one.flag ?? "");
      return [h("dt", { class: meant && "v-meant" }, words(name)), h("dd", { class: meant && "v-meant" }, text)];
    }));
  }

  /**
   * The user's photos, where what was predicted of them differs.
   * @param {Candidate} one
   * @param {Candidate[]} photos
   */
  showUser(one, photos) {
    if (this.one?.id !== one.id || !this.photos) return;
    const classes = new Set(photos.map((other) => other.corrected ?? other.label));
    this.strip.hidden = photos.length < 2 || classes.size < 2;
    if (this.strip.hidden) return;
    const pictures = this.photos;
    this.strip.replaceChildren(h("h3", {}, "This user’s photos disagree"),
      h("ul", {}, photos.map((other) => h("li", {},
        h("button", { type: "button", class: "v-other-photo", "aria-current": other.id === one.id && "true",
          "aria-label": `${other.label ?? "no class"}${mark(other) ? `, ${mark(other)?.text}` : ""}`,
          onclick: () => this.hooks.open(other.id) },
        h("img", { src: pictures.url(other.id, pictures.thumb), alt: "" }),
        h("span", {}, `${SIGNS[other.state] ?? ""}${other.corrected ?? other.label ?? "no class"}`))))));
  }
}
