/**
 * A secret string that cannot be printed by accident: String(), JSON and inspect show ***.
 * `reveal()` is the one way to the value, and is called only where secret files are rendered.
 */
export class Secret {
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }
  reveal(): string {
    return this.#value
  }
  toString(): string {
    return '***'
  }
  toJSON(): string {
    return '***'
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***'
  }
}
