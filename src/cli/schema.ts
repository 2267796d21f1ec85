import { Command } from 'commander'
import { jsonSchema } from '../config/schema.ts'

/** `sallyport schema`: the JSON Schema of the configuration, for editors. */
export function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON Schema of the configuration file')
    .addHelpText('after', '\nExamples:\n  sallyport schema > sallyport.schema.json\n'
      + '  # first line of sallyport.yaml, so that editors complete it:\n  # yaml-language-server: $schema=sallyport.schema.json')
    .action(() => { process.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`) })
}
