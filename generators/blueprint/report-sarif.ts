/** Diagnostics → SARIF, a file of its own because most runs never load the library that writes it. */
import { SarifBuilder, SarifResultBuilder, SarifRuleBuilder, SarifRunBuilder } from 'node-sarif-builder'
import type { Diagnostic } from '../model/diagnostic.ts'
import { type Place, positionOf } from './report.ts'
import { sentences } from './report-formats.ts'

/** https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, for code scanning and editors. */
export function reportSarif(source: Place, diagnostics: readonly Diagnostic[], version: string): string {
  const run = new SarifRunBuilder({ columnKind: 'utf16CodeUnits' }).initSimple({
    toolDriverName: 'gen',
    toolDriverVersion: version,
  })
  for (const code of [...new Set(diagnostics.map((diagnostic) => diagnostic.code))].sort())
    run.addRule(
      new SarifRuleBuilder({ help: { text: `gen explain ${code}` } }).initSimple({
        ruleId: code,
        shortDescriptionText: code,
      }),
    )
  // Relative to wherever gen ran, which for a repository's own pipeline is the repository.
  const uri = source.file.split('/').map(encodeURIComponent).join('/')
  const region = (place: ReturnType<typeof positionOf>) => ({
    startLine: place.line,
    startColumn: place.column,
    endLine: place.line,
    endColumn: place.column + place.length,
  })
  for (const diagnostic of diagnostics)
    run.addResult(
      new SarifResultBuilder({
        relatedLocations: (diagnostic.related ?? []).map((other, id) => ({
          id,
          message: { text: other.message },
          physicalLocation: { artifactLocation: { uri }, region: region(positionOf(source, other)) },
        })),
      }).initSimple({
        ruleId: diagnostic.code,
        level: diagnostic.severity === 'info' ? 'note' : diagnostic.severity,
        messageText: sentences(diagnostic),
        fileUri: uri,
        ...region(positionOf(source, diagnostic)),
      }),
    )
  const log = new SarifBuilder()
  log.addRun(run)
  return `${log.buildSarifJsonString({ indent: true })}\n`
}
