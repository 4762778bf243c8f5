/** Written by build.mjs from the assembled schemas, so that nothing is compiled when `gen` starts. */
export interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
  readonly parentSchema?: Readonly<Record<string, unknown>>
  readonly data?: unknown
  readonly propertyName?: string
}
interface Validator {
  (value: unknown): boolean
  errors?: readonly SchemaError[] | null
}
export const validators: Readonly<Record<string, Validator>>
