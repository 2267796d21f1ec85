import { z } from 'zod'

export const verifierSchema = z.never()
