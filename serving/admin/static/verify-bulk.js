/** A decision over a whole filter: asked once more with the number, made in steps, and undone as one. */
import { number } from "./verify-dom.js";
import { call } from "./verify-net.js";
import { verb } from "./verify-notices.js";

const get = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

export class Bulk {
  /**
   * @param {string} base address of the family
   * @param {(done: {pairs: [number, number][], decision: string, label: string|null, conflicts: number, unfit: number, error: any}) => void} finished
   */
  constructor(base, finished) {
    this.base = base;
    this.finished = finished;
    this.dialog = get("verify-bulk");
    this.running = false;
    this.stop = false;
    this.query = "";
    this.count = 0;
    get("verify-bulk-decision").addEventListener("change", () => this.#name());
    get("verify-bulk-do").addEventListener("click", (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.#run();
    });
    this.dialog.addEventListener("cancel", () => { this.stop = true; });
    get("verify-bulk-cancel").addEventListener("click", () => { this.stop = true; });
  }

  /**
   * @param {string} query the filter
   * @param {number} count how many it is about
   * @param {string} about in words
   */
  open(query, count, about) {
    Object.assign(this, { query, count, stop: false });
    get("verify-bulk-what").textContent = `${number(count)} ${count === 1 ? "row" : "rows"} ${about}`;
    get("verify-bulk-bar").hidden = true;
    get("verify-bulk-do").disabled = count === 0;
    this.#name();
    this.dialog.showModal();
  }

  #name() {
    const [option] = get("verify-bulk-decision").selectedOptions;
    const rows = `${number(this.count)} ${this.count === 1 ? "row" : "rows"}`;
    const what = { accept: `Accept ${rows}`, reject: `Reject ${rows}`, skip: `Skip ${rows}` };
    const button = get("verify-bulk-do");
    button.textContent = what[option.value] ?? `Correct ${rows} to ${option.textContent}`;
    button.className = option.value === "reject" ? "danger" : "primary";
  }

  async #run() {
    if (this.running) return;
    this.running = true;
    const [decision, label = null] = get("verify-bulk-decision").value.split(/:(.*)/s);
    /** @type {[number, number][]} */
    const pairs = [];
    let [after, conflicts, unfit, error] = [/** @type {string|null} */ (null), 0, 0, /** @type {any} */ (null)];
    const bar = get("verify-bulk-bar");
    get("verify-bulk-do").disabled = true;
    bar.hidden = false;
    try {
      do {
        const step = await call(`${this.base}/bulk?${this.query}`, { decision, label, after });
        pairs.push(...step.decided);
        conflicts += step.conflicts;
        unfit += step.unfit;
        after = step.after;
        bar.value = Math.min(1, (pairs.length + conflicts + unfit) / this.count);
      } while (after && !this.stop);
    } catch (caught) {
      error = caught;
    }
    this.running = false;
    if (this.dialog.open) this.dialog.close();
    this.finished({ pairs, decision, label, conflicts, unfit, error });
  }
}

/** What became of it, in a sentence. @param {{pairs: any[], decision: string, label: string|null, conflicts: number, unfit: number}} done */
export function told({ pairs, decision, label, conflicts, unfit }) {
  const rows = `${number(pairs.length)} ${pairs.length === 1 ? "row" : "rows"} ${verb(decision, label)}.`;
  const others = conflicts ? ` ${number(conflicts)} had been decided by others, and are left as they were.` : "";
  const lacking = decision === "accept" ? "no picture that can be opened, or no class to confirm," : "no picture that can be opened,";
  return rows + others + (unfit ? ` ${number(unfit)} ${unfit === 1 ? "has" : "have"} ${lacking} and ${unfit === 1 ? "is left as it was" : "are left as they were"}.` : "");
}
