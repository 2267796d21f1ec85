import { Socket } from 'node:net'
import t from 'tap'
import { forsake } from '../../src/listen/gone.ts'

t.test('nothing of ours hangs on a socket that has closed, and an error that comes too late ends nothing', async (t) => {
  const socket = new Socket()
  const heard: string[] = []
  for (const event of ['data', 'drain', 'error', 'close']) socket.on(event, () => heard.push(event))
  socket.on('close', () => forsake(socket))
  socket.on('close', () => heard.push('close, too'))
  const closed = new Promise((resolve) => { socket.on('close', resolve) })
  socket.destroy()
  await closed
  t.same(heard, ['close', 'close, too'], 'whoever waits for the close still hears it')
  t.same(['data', 'drain', 'close'].map((event) => socket.listenerCount(event)), [0, 0, 0])
  t.doesNotThrow(() => socket.emit('error', new Error('too late')))
})
