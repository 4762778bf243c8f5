/** Our own Handlebars templates, for line formats that have no serializer. The user's templates are Mustache. */
import type { JsonObject } from '../../model/json.ts'
import { templates } from './templates.gen.js'

/**
 * @param name `<axis>/<provider>/<file>`
 * @throws when the view lacks a name that the template uses: our bug
 */
export function renderTemplate(name: string, view: JsonObject): string {
  const template = templates[name]
  if (template === undefined) throw new Error(`no template ${name}: run npm run build`)
  return template(view)
}
