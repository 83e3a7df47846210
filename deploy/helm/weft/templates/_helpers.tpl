{{- define "weft.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- end }}
{{- define "weft.labels" -}}
app.kubernetes.io/name: weft
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
{{/* selector takes (dict "root" $ "role" "worker") */}}
{{- define "weft.selector" -}}
app.kubernetes.io/name: weft
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}
{{- define "weft.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}
{{- define "weft.secret" -}}{{ .Values.existingSecret | default (include "weft.name" .) }}{{- end }}
{{- define "weft.account" -}}{{ if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "weft.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}{{- end }}
{{/* env is what every role reads; addresses and keys come from the Secret alone */}}
{{- define "weft.env" -}}
{{- with .Values.tenants }}
- {name: WEFT_TENANTS, value: {{ join "," . | quote }}}
{{- end }}
- {name: WEFT_OBJECTS, value: {{ .Values.objects | quote }}}
- {name: WEFT_IMAGE_MODEL, value: {{ .Values.encoders.imageModel | quote }}}
- {name: WEFT_TEXT_MODEL, value: {{ .Values.encoders.textModel | quote }}}
- {name: WEFT_DECODER, value: {{ .Values.encoders.decoder | quote }}}
- {name: WEFT_QUEUE, valueFrom: {secretKeyRef: {name: {{ include "weft.secret" . }}, key: queue}}}
- {name: WEFT_VECTORS, valueFrom: {secretKeyRef: {name: {{ include "weft.secret" . }}, key: vectors}}}
- {name: WEFT_S3_ACCESS_KEY, valueFrom: {secretKeyRef: {name: {{ include "weft.secret" . }}, key: s3-access-key, optional: true}}}
- {name: WEFT_S3_SECRET_KEY, valueFrom: {secretKeyRef: {name: {{ include "weft.secret" . }}, key: s3-secret-key, optional: true}}}
{{- end }}
{{- define "weft.pod" -}}
serviceAccountName: {{ include "weft.account" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 1Gi}}
{{- end }}
{{- define "weft.container" -}}
image: {{ include "weft.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}
{{- define "weft.where" -}}
{{- with .nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}
