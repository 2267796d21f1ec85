import { Command } from 'commander'
export function presetsCommand(): Command { return new Command('presets') }
