/** What the page says: progress, trouble with the network, conflicts, and words for those who listen. */
import { ACCEPTED, clock, h, number, span } from "./verify-dom.js";

/** @typedef {import("./verify-store.js").Candidate} Candidate */

const VERBS = { accept: ACCEPTED, correct: "corrected", reject: "rejected", skip: "skipped", waiting: "opened it again", aside: "opened it again" };
const MOST_CONFLICTS = 3;

/** @param {string} decision @param {string|null} label */
export const verb = (decision, label) => (decision === "correct" ? `corrected to ${label}` : VERBS[decision] ?? decision);

export class Notices {
  constructor() {
    this.root = /** @type {HTMLElement} */ (document.getElementById("verify-notices"));
    this.live = /** @type {HTMLElement} */ (document.getElementById("verify-live"));
    /** @type {Map<string, HTMLElement>} */
    this.kept = new Map();
  }

  /** Said politely to a screen reader. @param {string} text */
  say(text) {
    this.live.textContent = text;
  }

  /**
   * A notice that stays until it is cleared or dismissed; one of a kind.
   * @param {string} name
   * @param {"warn"|"bad"|"info"} kind
   * @param {any[]} content
   */
  put(name, kind, content) {
    const element = h("div", { class: `notice ${kind} v-notice`, role: "group", "aria-label": "Notice" }, content);
    const old = this.kept.get(name);
    if (old) old.replaceWith(element);
    else this.root.append(element);
    this.kept.set(name, element);
  }

  /** @param {string} name */
  clear(name) {
    this.kept.get(name)?.remove();
    this.kept.delete(name);
  }

  /**
   * @param {any} error
   * @param {number} unsaved
   * @param {() => void} again
   */
  trouble(error, unsaved, again) {
    const kept = `${number(unsaved)} ${unsaved === 1 ? "decision is" : "decisions are"} kept in this page and sent again by ${unsaved === 1 ? "itself" : "themselves"}. You can go on.`;
    const login = error.kind === "login" && h("a", { href: "/login", target: "_blank" }, "Log in in another tab");
    if (!this.kept.has("net")) this.say(`${error.message} ${kept}`);
    this.put("net", "warn", [h("span", {}, h("strong", {}, error.message), ` ${kept}`), login,
      h("button", { type: "button", class: "v-small", onclick: again }, "Try now")]);
  }

  /**
   * Somebody else was first.
   * @param {{candidate: Candidate, mine: string, thumb: string|null}[]} conflicts
   * @param {(id: number) => void} look
   */
  conflicts(conflicts, look) {
    if (conflicts.length > MOST_CONFLICTS) {
      const who = [...new Set(conflicts.map((one) => one.candidate.by ?? "somebody else"))].join(", ");
      const text = `${number(conflicts.length)} of these were decided by ${who} before you; they are left as they are.`;
      this.say(text);
      this.put("conflicts", "info", [h("span", {}, text), this.#dismiss("conflicts", "Fine")]);
      return;
    }
    for (const { candidate, mine, thumb } of conflicts) {
      const name = `conflict-${candidate.id}`;
      const theirs = `${candidate.by ?? "Somebody"} ${verb(candidate.state, candidate.corrected)}`;
      const text = `${theirs}${candidate.at ? ` at ${clock(candidate.at)}` : ""}, before you ${mine}. Theirs stands.`;
      this.say(text);
      this.put(name, "info", [
        thumb && h("img", { src: thumb, alt: "", width: 40, height: 40 }),
        h("span", {}, h("strong", {}, candidate.label ?? candidate.name), `: ${text}`),
        this.#dismiss(name, "Keep theirs"),
        h("button", { type: "button", class: "v-small", onclick: () => { this.clear(name); look(candidate.id); } }, "Decide anew"),
      ]);
    }
  }

  /** @param {string} name @param {string} text */
  #dismiss(name, text) {
    return h("button", { type: "button", class: "v-small", onclick: () => this.clear(name) }, text);
  }
}

export class Progress {
  /** @param {{left: number, today: number, rate: number, minutes: number|null}} figures */
  constructor(figures) {
    this.root = /** @type {HTMLElement} */ (document.getElementById("verify-progress"));
    this.figures = { ...figures, states: { ...figures.states } };
    this.word = this.root.dataset.word ?? "left";
    this.draw();
  }

  /** @param {object} figures */
  update(figures) {
    Object.assign(this.figures, figures);
    this.draw();
  }

  /** Count a decision, or (-1) one that was taken back. @param {number} left @param {number} today */
  count(left, today) {
    this.figures.left = Math.max(0, this.figures.left + left);
    this.figures.today = Math.max(0, this.figures.today + today);
    this.draw();
  }

  /** A candidate went from one state to another. @param {string} from @param {string} to */
  moved(from, to) {
    if (from === to) return;
    const { states } = this.figures;
    states[from] = Math.max(0, (states[from] ?? 0) - 1);
    states[to] = (states[to] ?? 0) + 1;
    this.draw();
  }

  /** How many there are still, in words. */
  get told() {
    return `${number(this.figures.left)} ${this.word}`;
  }

  /** @param {number} unsaved */
  saving(unsaved) {
    const place = this.#part("saved");
    place.hidden = unsaved === 0;
    place.textContent = unsaved ? `${number(unsaved)} unsaved` : "";
  }

  draw() {
    const { left, today, rate } = this.figures;
    this.#part("left").textContent = number(left);
    this.#part("today").textContent = number(today);
    this.#part("rate").textContent = rate ? `${number(rate)} an hour` : "";
    this.#part("forecast").textContent = left && rate && this.word === "left" ? `done in ${span((60 * left) / rate)}` : "";
    for (const option of document.querySelectorAll("#f-state option[data-state]")) {
      const { state, title } = /** @type {HTMLElement} */ (option).dataset;
      option.textContent = `${title} (${number(this.figures.states[state ?? ""] ?? 0)})`;
    }
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.root.querySelector(`[data-figure=${name}]`));
  }
}
