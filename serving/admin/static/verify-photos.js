/** Photos of candidates; those that come next are loaded and decoded before they are looked at. */

const MOST_KEPT = 40;

export class Photos {
  constructor() {
    const dense = window.devicePixelRatio > 1.25;
    this.thumb = dense ? 320 : 160;
    this.large = dense || window.innerWidth > 1600 ? 1280 : 640;
    /** @type {Map<number, HTMLImageElement>} */
    this.kept = new Map();
  }

  /** @param {number} id @param {number} size */
  url(id, size) {
    return `/media/photo/${id}?size=${size}`;
  }

  /**
   * The large photo, ready to be shown where it was loaded ahead.
   * @param {number} id
   * @returns {HTMLImageElement}
   */
  take(id) {
    let image = this.kept.get(id);
    if (!image) {
      image = new Image();
      image.fetchPriority = "high";
      image.src = this.url(id, this.large);
    }
    this.kept.delete(id);
    this.kept.set(id, image); // the last one used is the last to go
    this.#trim();
    return image;
  }

  /** Load and decode these, the first one first. @param {number[]} ids */
  ahead(ids) {
    for (const id of ids) {
      if (this.kept.has(id)) continue;
      const image = new Image();
      image.src = this.url(id, this.large);
      image.decode().catch(() => {}); // a broken one shows what the server says of it
      this.kept.set(id, image);
    }
    this.#trim();
  }

  #trim() {
    for (const [id, image] of this.kept) {
      if (this.kept.size <= MOST_KEPT) return;
      if (!image.isConnected) this.kept.delete(id);
    }
  }
}
