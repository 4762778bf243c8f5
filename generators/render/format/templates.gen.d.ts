/** Written by build.mjs from generators/providers/<axis>/<provider>/templates. */
export const templates: Readonly<Record<string, (view: object) => string>>
