// Keys that come from a server (columns, attributes, JSON, hstore) become own properties, whatever they are called.

/** Sets an own data property; assignment to `__proto__` would set the prototype. */
export const setOwn = (object: Record<string, unknown>, key: string, value: unknown): void => {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  } else object[key] = value
}
